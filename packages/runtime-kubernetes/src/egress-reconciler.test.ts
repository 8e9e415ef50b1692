import { silentLogger, systemClock } from "@danube/kit";
import { eventually } from "@danube/runtime/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createApiCalls } from "./api-calls.ts";
import { buildCiliumPolicy, buildNetworkPolicy, type EgressSettings } from "./egress-policy.ts";
import { createEgressReconciler, type EgressReconciler, type EgressWanted } from "./egress-reconciler.ts";
import { startTestApiServer, type TestApiServer } from "./testing/api-server.ts";

const namespace = "jobs";
const settings: EgressSettings = {
  namespace,
  namespaceSystem: "danube-system",
  instance: "test",
  rpcUrl: "http://controlplane.danube-system.svc:9000",
  rpcPort: 9_000,
  cidrs: ["203.0.113.0/24"],
};
const plainPath = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies/danube-jobs`;
const ciliumPath = `/apis/cilium.io/v2/namespaces/${namespace}/ciliumnetworkpolicies/danube-jobs`;
const names = ["*.example.com", "registry.npmjs.org"];
const plain = (cilium: boolean) => buildNetworkPolicy(settings, { cilium }).spec;

let server: TestApiServer;
let reconciler: EgressReconciler | undefined;
beforeEach(async () => {
  server = await startTestApiServer(["networking.k8s.io"]);
});
afterEach(async () => {
  await reconciler?.stop();
  await server.close();
});

async function start(wanted: EgressWanted = { enforced: true, settings }): Promise<EgressReconciler> {
  await reconciler?.stop();
  const calls = createApiCalls({ clock: systemClock, logger: silentLogger, perSecond: 500, burst: 500 });
  reconciler = createEgressReconciler({
    config: server.config,
    calls,
    clock: systemClock,
    logger: silentLogger,
    namespace,
    wanted,
    intervalMs: 600_000,
  });
  reconciler.start();
  return reconciler;
}

const until = (isSo: () => boolean, what: string) => eventually(async () => isSo() || undefined, what);
const specOf = (path: string) => server.objects.get(path)?.["spec"];
const writes = () => server.requests.filter((request) => !request.startsWith("GET"));
function isApplied(): boolean {
  try {
    reconciler?.assertApplied();
    return true;
  } catch {
    return false;
  }
}

describe("the network policies of jobs", () => {
  it("follow the allow-list where there is Cilium, each change with one write", async () => {
    server.groups.add("cilium.io");
    const running = await start();
    running.allow(names.slice(1));
    await until(() => JSON.stringify(specOf(ciliumPath))?.includes("registry.npmjs.org"), "the first list");
    expect(specOf(plainPath)).toEqual(plain(true));
    running.allow(names);
    await until(() => JSON.stringify(specOf(ciliumPath))?.includes("*.example.com"), "the second list");
    expect(specOf(ciliumPath)).toEqual(buildCiliumPolicy(settings, names).spec);
    const before = writes().length;
    await start();
    reconciler?.allow([...names].reverse());
    await until(isApplied, "the next process agrees");
    running.allow(names);
    await until(isApplied, "the next process agrees still");
    expect(writes().slice(before)).toEqual(expect.not.arrayContaining([`PUT ${plainPath}`]));
  });

  it("are Cilium's, too, once it is installed, and DNS is then Cilium's alone", async () => {
    const running = await start();
    running.allow(names);
    await until(isApplied, "the plain policy");
    expect(specOf(plainPath)).toEqual(plain(false));
    expect(specOf(ciliumPath)).toBeUndefined();
    server.groups.add("cilium.io");
    running.allow(names);
    await until(() => specOf(ciliumPath) !== undefined, "Cilium's policy");
    expect(specOf(plainPath)).toEqual(plain(true));
  });

  it("are mended when somebody else changed them, and deleted when they are turned off", async () => {
    server.groups.add("cilium.io");
    const running = await start();
    await until(isApplied, "both");
    const stored = server.objects.get(plainPath);
    if (stored === undefined) throw new Error("no policy");
    server.objects.set(plainPath, { ...stored, spec: { podSelector: {}, egress: [{}], policyTypes: ["Egress"] } });
    server.objects.delete(ciliumPath);
    running.allow([]);
    await until(() => specOf(ciliumPath) !== undefined, "both again");
    expect(specOf(plainPath)).toEqual(plain(true));
    await start({ enforced: false });
    expect(isApplied()).toBe(true);
    await until(() => server.objects.size === 0, "nothing");
  });

  it("are in nobody's way when they may not be looked after and are turned off, and else no job runs without", async () => {
    server.forbids = true;
    await start();
    await until(() => server.requests.length > 0, "a try");
    expect(() => reconciler?.assertApplied()).toThrow("not in place");
    server.forbids = false;
    reconciler?.allow([]);
    await until(isApplied, "the policy");
    server.forbids = true;
    await start({ enforced: false });
    expect(isApplied()).toBe(true);
  });
});
