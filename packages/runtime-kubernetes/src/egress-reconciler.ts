// Keeps the cluster's network policies as the configuration wants them: at the start, when the Blueprint changes, and every few
// minutes, in case somebody else changed them. Cilium may be installed at any time, so it is asked for each time.
import { ApisApi, CustomObjectsApi, type KubeConfig, NetworkingV1Api } from "@kubernetes/client-node";
import { type Cancel, type Clock, createLoop, type Logger } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { ApiCalls } from "./api-calls.ts";
import { messageOf, statusOf } from "./api-errors.ts";
import {
  buildCiliumPolicy,
  buildNetworkPolicy,
  type CiliumNetworkPolicy,
  egressPolicyName,
  type EgressSettings,
} from "./egress-policy.ts";

/** What is wanted: policies made of the settings, or none at all. */
export type EgressWanted =
  | { readonly enforced: true; readonly settings: EgressSettings }
  | { readonly enforced: false };

export interface EgressReconciler {
  start(): void;
  stop(): Promise<void>;
  /** The names that jobs may reach from now on. The newest call counts. */
  allow(names: readonly string[]): void;
  /** Rejects with `unavailable` as long as jobs would run without the policies that are wanted. */
  assertApplied(): void;
}

export interface EgressReconcilerOptions {
  readonly config: KubeConfig;
  readonly calls: ApiCalls;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly namespace: string;
  readonly wanted: EgressWanted;
  /** How often they are compared. In milliseconds. */
  readonly intervalMs?: number;
}

const retryMs = 5_000;
const cilium = { group: "cilium.io", version: "v2", plural: "ciliumnetworkpolicies", name: egressPolicyName } as const;

export function createEgressReconciler(options: EgressReconcilerOptions): EgressReconciler {
  const { config, calls, clock, logger, namespace, wanted } = options;
  const network = config.makeApiClient(NetworkingV1Api);
  const custom = config.makeApiClient(CustomObjectsApi);
  const apis = config.makeApiClient(ApisApi);
  const at = { namespace, name: egressPolicyName };
  let names: readonly string[] = [];
  let lastProblem: string | undefined = "they have not been applied yet";
  let told = "";
  let cancelRetry: Cancel = () => undefined;

  const loop = createLoop({
    name: "apply network policies",
    intervalMs: options.intervalMs ?? 300_000,
    run: reconcile,
    clock,
    logger,
  });

  async function reconcile(): Promise<void> {
    const allowed = names;
    cancelRetry();
    try {
      const groups = await calls.once("list_api_groups", () => apis.getAPIVersions());
      const hasCilium = groups.groups.some(({ name }) => name === cilium.group);
      await applyNetworkPolicy(hasCilium);
      if (hasCilium) await applyCiliumPolicy(allowed);
      else if (wanted.enforced && allowed.length > 0)
        tell(
          `The allow-list of ${allowed.length} names has no effect without Cilium; list networks in kubernetes.egress_cidrs.`,
        );
      lastProblem = undefined;
    } catch (error) {
      lastProblem = messageOf(error);
      logger.error("The network policies of jobs cannot be applied; it is tried again", { cause: lastProblem });
      cancelRetry = clock.setTimeout(() => loop.nudge(), retryMs);
    }
  }

  async function applyNetworkPolicy(hasCilium: boolean): Promise<void> {
    const found = await ifThere("get_network_policy", () => network.readNamespacedNetworkPolicy(at));
    if (!wanted.enforced) {
      if (found) await ifThere("delete_network_policy", () => network.deleteNamespacedNetworkPolicy(at));
      return;
    }
    const body = buildNetworkPolicy(wanted.settings, { cilium: hasCilium });
    if (found === undefined) {
      await calls.once("create_network_policy", () => network.createNamespacedNetworkPolicy({ namespace, body }));
    } else if (!isSame(found.spec, body.spec)) {
      if (body.metadata) body.metadata.resourceVersion = versionOf(found);
      await calls.once("update_network_policy", () => network.replaceNamespacedNetworkPolicy({ ...at, body }));
    } else return;
    logger.info("The network policy of jobs was applied", { namespace, cilium: hasCilium });
  }

  async function applyCiliumPolicy(allowed: readonly string[]): Promise<void> {
    const resource = { ...cilium, namespace };
    const found = (await ifThere("get_cilium_policy", () => custom.getNamespacedCustomObject(resource))) as
      | CiliumNetworkPolicy
      | undefined;
    if (!wanted.enforced) {
      if (found) await ifThere("delete_cilium_policy", () => custom.deleteNamespacedCustomObject(resource));
      return;
    }
    const body = buildCiliumPolicy(wanted.settings, allowed);
    if (found === undefined) {
      await calls.once("create_cilium_policy", () => custom.createNamespacedCustomObject({ ...resource, body }));
    } else if (!isSame(found.spec, body.spec)) {
      const next = { ...body, metadata: { ...body.metadata, resourceVersion: versionOf(found) } };
      await calls.once("update_cilium_policy", () => custom.replaceNamespacedCustomObject({ ...resource, body: next }));
    } else return;
    logger.info("The Cilium policy of jobs was applied", { namespace, names: allowed.length });
  }

  async function ifThere<T>(operation: string, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await calls.once(operation, call);
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  }

  function tell(message: string): void {
    if (told !== message) logger.warn(message);
    told = message;
  }

  return {
    start: () => loop.start(),
    async stop() {
      await loop.stop();
      cancelRetry();
    },
    allow(next) {
      names = next;
      loop.nudge();
    },
    assertApplied() {
      if (!wanted.enforced || lastProblem === undefined) return;
      throw new DanubeError("unavailable", `The network policies of jobs are not in place: ${lastProblem}.`);
    },
  };
}

/** Whether what the API server has is what we want: it fills in nothing within these specs that we leave out. */
function isSame(found: unknown, wanted: unknown): boolean {
  return canonical(found) === canonical(wanted);
}

/** JSON with sorted keys, without empty lists: the API server leaves those out. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    const entries = Object.entries(part).filter(([, inner]) => !(Array.isArray(inner) && inner.length === 0));
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function versionOf(found: { metadata?: { resourceVersion?: string } }): string {
  return found.metadata?.resourceVersion ?? "";
}
