// On the real API server. Its network does not enforce policies, so these tests are about what is asked of it, and nothing of
// what would get through. Cilium is in egress-reconciler.test.ts: this API server does not bear custom resources.
import { NetworkingV1Api } from "@kubernetes/client-node";
import { type Logger, silentLogger, systemClock } from "@danube/kit";
import { eventually, newTestId } from "@danube/runtime/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApiCalls } from "./api-calls.ts";
import { statusOf } from "./api-errors.ts";
import { buildNetworkPolicy, egressPolicyName, type EgressSettings } from "./egress-policy.ts";
import { createEgressReconciler, type EgressReconciler, type EgressWanted } from "./egress-reconciler.ts";
import { openTestCluster } from "./testing/index.ts";

const cluster = openTestCluster();
const network = cluster.config.makeApiClient(NetworkingV1Api);
const namespace = `danube-egress-${newTestId().slice(0, 8)}`;
const settings: EgressSettings = {
  namespace,
  namespaceSystem: "danube-system",
  instance: "test",
  rpcUrl: "http://controlplane.danube-system.svc:9000",
  rpcPort: 9_000,
  cidrs: ["203.0.113.0/24"],
};
const running: EgressReconciler[] = [];

function start(wanted: EgressWanted = { enforced: true, settings }): EgressReconciler {
  const logger: Logger = silentLogger;
  const calls = createApiCalls({ clock: systemClock, logger, perSecond: 50, burst: 100 });
  const options = { config: cluster.config, calls, clock: systemClock, logger, namespace, wanted, intervalMs: 500 };
  const reconciler = createEgressReconciler(options);
  running.push(reconciler);
  reconciler.start();
  return reconciler;
}

/** Waits until it is so. */
const until = (isSo: () => Promise<boolean> | boolean, what: string) =>
  eventually(async () => (await isSo()) || undefined, what, 30_000);
const stopAll = async () => void (await Promise.all(running.splice(0).map((reconciler) => reconciler.stop())));
const found = <T>(call: () => Promise<T>) =>
  call().catch((error: unknown) => {
    if (statusOf(error) === 404) return undefined;
    throw error;
  });
const policy = () => found(() => network.readNamespacedNetworkPolicy({ namespace, name: egressPolicyName }));

beforeAll(() => cluster.ensureNamespace(namespace));
afterAll(async () => {
  await stopAll();
  await cluster.core.deleteNamespace({ name: namespace });
});

describe("the network policies of jobs", () => {
  it("are made, mended when somebody changes or deletes them, and deleted when they are turned off", async () => {
    const reconciler = start();
    expect(() => reconciler.assertApplied()).toThrow("not in place");
    const made = await eventually(policy, "the policy");
    const { ingress: _none, ...spec } = buildNetworkPolicy(settings, { cilium: false }).spec ?? {};
    expect(JSON.parse(JSON.stringify(made.spec))).toEqual(spec);
    await until(() => !throws(() => reconciler.assertApplied()), "that it is said");

    made.spec = { podSelector: {}, egress: [{}], policyTypes: ["Egress"] };
    await network.replaceNamespacedNetworkPolicy({ namespace, name: egressPolicyName, body: made });
    await until(async () => (await policy())?.spec?.egress?.length === 4, "the policy is as it was");
    await network.deleteNamespacedNetworkPolicy({ namespace, name: egressPolicyName });
    const again = await eventually(policy, "the policy is there again");

    // What is as it should be is not written.
    await until(async () => (await policy())?.metadata?.uid === again.metadata?.uid, "the same policy");
    await stopAll();
    const { resourceVersion } = (await policy())?.metadata ?? {};
    const second = start();
    await until(() => !throws(() => second.assertApplied()), "a second process agrees");
    expect((await policy())?.metadata?.resourceVersion).toBe(resourceVersion);

    await stopAll();
    const off = start({ enforced: false });
    expect(() => off.assertApplied()).not.toThrow();
    await until(async () => (await policy()) === undefined, "no policy");
    await stopAll();
  });
});

function throws(call: () => void): boolean {
  try {
    call();
    return false;
  } catch {
    return true;
  }
}
