// On the real API server. Its network does not enforce policies, so these tests are about what is asked of it, and nothing of
// what would get through. Cilium's resource is a stand-in with the part of its schema that we use.
import { ApiextensionsV1Api, CustomObjectsApi, NetworkingV1Api, type V1JSONSchemaProps } from "@kubernetes/client-node";
import { type Logger, silentLogger, systemClock } from "@danube/kit";
import { eventually, newTestId } from "@danube/runtime/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApiCalls } from "./api-calls.ts";
import { statusOf } from "./api-errors.ts";
import { buildCiliumPolicy, buildNetworkPolicy, egressPolicyName, type EgressSettings } from "./egress-policy.ts";
import { createEgressReconciler, type EgressReconciler, type EgressWanted } from "./egress-reconciler.ts";
import { openTestCluster } from "./testing/index.ts";

const cluster = openTestCluster();
const network = cluster.config.makeApiClient(NetworkingV1Api);
const custom = cluster.config.makeApiClient(CustomObjectsApi);
const extensions = cluster.config.makeApiClient(ApiextensionsV1Api);
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

const stopAll = async () => void (await Promise.all(running.splice(0).map((reconciler) => reconciler.stop())));
const found = <T>(call: () => Promise<T>) =>
  call().catch((error: unknown) => {
    if (statusOf(error) === 404) return undefined;
    throw error;
  });
const policy = () => found(() => network.readNamespacedNetworkPolicy({ namespace, name: egressPolicyName }));
const resource = { group: "cilium.io", version: "v2", plural: "ciliumnetworkpolicies", namespace };
const ciliumPolicy = async () =>
  (await found(() => custom.getNamespacedCustomObject({ ...resource, name: egressPolicyName }))) as
    | ReturnType<typeof buildCiliumPolicy>
    | undefined;

beforeAll(() => cluster.ensureNamespace(namespace));
afterAll(async () => {
  await stopAll();
  await found(() => extensions.deleteCustomResourceDefinition({ name: "ciliumnetworkpolicies.cilium.io" }));
  await cluster.core.deleteNamespace({ name: namespace });
});

describe("the network policies of jobs", () => {
  it("are made, mended when somebody changes or deletes them, and deleted when they are turned off", async () => {
    const reconciler = start();
    expect(() => reconciler.assertApplied()).toThrow("not in place");
    const made = await eventually(policy, "the policy");
    const { ingress: _none, ...spec } = buildNetworkPolicy(settings, { cilium: false }).spec ?? {};
    expect(JSON.parse(JSON.stringify(made.spec))).toEqual(spec);
    await eventually(() => Promise.resolve(!throws(() => reconciler.assertApplied())), "that it is said");

    made.spec = { podSelector: {}, egress: [{}], policyTypes: ["Egress"] };
    await network.replaceNamespacedNetworkPolicy({ namespace, name: egressPolicyName, body: made });
    await eventually(async () => (await policy())?.spec?.egress?.length === 4, "the policy is as it was");
    await network.deleteNamespacedNetworkPolicy({ namespace, name: egressPolicyName });
    const again = await eventually(policy, "the policy is there again");

    // What is as it should be is not written.
    await eventually(async () => (await policy())?.metadata?.uid === again.metadata?.uid, "the same policy");
    await stopAll();
    const { resourceVersion } = (await policy())?.metadata ?? {};
    const second = start();
    await eventually(() => Promise.resolve(!throws(() => second.assertApplied())), "a second process agrees");
    expect((await policy())?.metadata?.resourceVersion).toBe(resourceVersion);

    await stopAll();
    const off = start({ enforced: false });
    expect(() => off.assertApplied()).not.toThrow();
    await eventually(async () => (await policy()) === undefined, "no policy");
    await stopAll();
  });

  it("follow the allow-list of the Blueprint once there is Cilium", async () => {
    const reconciler = start();
    reconciler.allow(["registry.npmjs.org"]);
    await eventually(async () => (await policy())?.spec?.egress?.length === 4, "the plain policy");
    await extensions.createCustomResourceDefinition({ body: ciliumStandIn });
    const first = await eventually(ciliumPolicy, "Cilium's policy", 60_000);
    expect(first.spec).toEqual(buildCiliumPolicy(settings, ["registry.npmjs.org"]).spec);
    // DNS is Cilium's now, and names stand for networks.
    await eventually(async () => (await policy())?.spec?.egress?.length === 2, "the plain policy without DNS");
    reconciler.allow(["*.example.com", "registry.npmjs.org"]);
    await eventually(async () => (await ciliumPolicy())?.spec.egress[1]?.toFQDNs?.length === 2, "the new allow-list");
    await stopAll();
    start({ enforced: false });
    await eventually(async () => (await ciliumPolicy()) === undefined && (await policy()) === undefined, "nothing");
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

const text = { type: "string" };
const listOf = (items: V1JSONSchemaProps) => ({ type: "array", items });
const object = (properties: Record<string, V1JSONSchemaProps>) => ({ type: "object", properties });
const labels = { type: "object", additionalProperties: text };
/** Source: pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml of cilium/cilium, the part that we use. */
const ciliumStandIn = {
  metadata: { name: "ciliumnetworkpolicies.cilium.io" },
  spec: {
    group: "cilium.io",
    scope: "Namespaced",
    names: { kind: "CiliumNetworkPolicy", plural: "ciliumnetworkpolicies", singular: "ciliumnetworkpolicy" },
    versions: [
      {
        name: "v2",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: object({
            spec: object({
              description: text,
              endpointSelector: object({ matchLabels: labels }),
              egress: listOf(
                object({
                  toEndpoints: listOf(object({ matchLabels: labels })),
                  toFQDNs: listOf({
                    ...object({
                      matchName: { ...text, maxLength: 255, pattern: "^([-a-zA-Z0-9_]+[.]?)+$" },
                      matchPattern: { ...text, maxLength: 255, pattern: "^([-a-zA-Z0-9_*]+[.]?)+$" },
                    }),
                    oneOf: [{ required: ["matchName"] }, { required: ["matchPattern"] }],
                  }),
                  toPorts: listOf(
                    object({
                      ports: listOf({
                        ...object({ port: text, protocol: { ...text, _enum: ["TCP", "UDP", "SCTP", "ANY"] } }),
                        required: ["port"],
                      }),
                      rules: object({ dns: listOf(object({ matchName: text, matchPattern: text })) }),
                    }),
                  ),
                }),
              ),
            }),
          }),
        },
      },
    ],
  },
};
