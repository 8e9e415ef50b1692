// The writes that a sandbox costs: Secret and Pod made, Pod and Secret deleted. Each is tried until there is an answer, and an
// answer that it is so already is as good as any.
import type { CoreV1Api, V1Pod, V1Secret } from "@kubernetes/client-node";
import type { ApiCalls } from "./api-calls.ts";
import { statusOf } from "./api-errors.ts";
import { objectName } from "./pod-spec.ts";

export interface SandboxWrites {
  /** Puts the Secret there, in the place of one with this name that another process made: its token is nobody's any more. */
  createSecret(secret: V1Secret): Promise<void>;
  /** The Pod as the API server has it; undefined when it was there already. */
  createPod(pod: V1Pod): Promise<V1Pod | undefined>;
  /** Whether there was one. */
  deletePod(name: string, gracePeriodSeconds: number): Promise<boolean>;
  deleteSecret(jobId: string): Promise<boolean>;
}

export function createSandboxWrites(options: {
  readonly core: CoreV1Api;
  readonly calls: ApiCalls;
  readonly namespace: string;
  /** Ends the trying. */
  readonly signal: AbortSignal;
}): SandboxWrites {
  const { core, calls, namespace, signal } = options;
  /** The names of Secrets that are there and certainly ours. */
  const made = new Set<string>();

  /** Resolves to undefined for an answer with the status that means "it is so already". */
  async function write<T>(operation: string, already: 404 | 409, call: () => Promise<T>): Promise<T | undefined> {
    try {
      return await calls.untilAnswered(operation, call, signal);
    } catch (error) {
      if (statusOf(error) !== already) throw error;
      return undefined;
    }
  }

  return {
    async createSecret(body) {
      const name = body.metadata?.name ?? "";
      const create = () => write("create_secret", 409, () => core.createNamespacedSecret({ namespace, body }));
      if (made.has(name)) return;
      if (!(await create())) {
        await write("delete_secret", 404, () => core.deleteNamespacedSecret({ namespace, name }));
        await create();
      }
      made.add(name);
    },
    createPod: (body) => write("create_pod", 409, () => core.createNamespacedPod({ namespace, body })),
    deletePod: async (name, gracePeriodSeconds) =>
      (await write("delete_pod", 404, () => core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds }))) !==
      undefined,
    async deleteSecret(jobId) {
      const name = objectName(jobId);
      made.delete(name);
      return (await write("delete_secret", 404, () => core.deleteNamespacedSecret({ namespace, name }))) !== undefined;
    },
  };
}
