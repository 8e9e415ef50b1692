// Pods that are kept ready for the pipelines that ask for some (`warm`): each is used once, deleted with its job, and replaced.
//
//   1. `configure` says how many of which kind; they are made, and those that nobody wants any more are deleted. So are
//      those of an earlier process, which may have been given away.
//   2. `claim` chooses one that is ready. Its Coordinator waits for its sandbox file, which is handed over on the standard
//      input of an exec; then the Pod is labelled with the job. Asked again for the same job it does the same again with
//      the same Pod: the Coordinator reads the file once.
// Nothing here is needed for a job to run: without a Pod that is ready it gets one of its own.
import { type CoreV1Api, type Exec, PatchStrategy, setHeaderOptions, type V1Pod } from "@kubernetes/client-node";
import { type Clock, createLoop, type Logger, newId } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { RuntimeConfiguration, SandboxSpec } from "@danube/runtime";
import type { ApiCalls } from "./api-calls.ts";
import { messageOf, toSandboxError } from "./api-errors.ts";
import { execToEnd } from "./launcher-exec.ts";
import { labels, type PodSettings } from "./pod-spec.ts";
import { viewPod } from "./pod-view.ts";
import {
  buildPreparedPod,
  preparedKey,
  preparedLabels,
  type PreparedShape,
  sandboxFileOf,
  takeFileCommand,
} from "./prepared-pod.ts";
import type { SandboxWrites } from "./sandbox-writes.ts";

export interface PreparedPods {
  configure(pipelines: RuntimeConfiguration["pipelines"]): void;
  /** When the Pods that exist are known. */
  start(): void;
  /** Deletes those that no job has; whoever comes next could not use them. */
  stop(): Promise<void>;
  /** Something happened to a Pod that belongs to no job. */
  onChange(): void;
  /** The job that was given this Pod by this process; undefined for any other Pod. */
  jobOf(podName: string): string | undefined;
  /** The Pod that this process gave to the job. */
  nameOf(jobId: string): string | undefined;
  /** Resolves to the job's Pod, or to undefined if none is ready. Rejects, retryably, when it is not known what happened. */
  claim(spec: SandboxSpec): Promise<V1Pod | undefined>;
  /** The job's Pod is gone. */
  forget(jobId: string): void;
}

export interface PreparedPodsOptions {
  readonly core: CoreV1Api;
  readonly exec: Pick<Exec, "exec">;
  readonly calls: ApiCalls;
  readonly writes: Pick<SandboxWrites, "createPod" | "deletePod">;
  readonly pods: () => readonly V1Pod[];
  readonly settings: PodSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const intervalMs = 30_000;
const handOverTimeoutMs = 10_000;

export function createPreparedPods(options: PreparedPodsOptions): PreparedPods {
  const { core, exec, calls, writes, settings, clock, logger, signal } = options;
  const { namespace } = settings;
  const by = newId();
  const claims = new Map<string, string>();
  /** Made, and not seen in the watch yet: the Pod's name and its kind. */
  const made = new Map<string, string>();
  const deleted = new Set<string>();
  let wanted = new Map<string, { readonly shape: PreparedShape; readonly count: number }>();
  const loop = createLoop({ name: "prepare Pods", intervalMs, run: fill, clock, logger });

  const unclaimed = () => {
    const taken = new Set(claims.values());
    return options
      .pods()
      .filter((pod) => pod.metadata?.labels?.[preparedLabels.key] !== undefined)
      .filter((pod) => pod.metadata?.labels?.[labels.jobId] === undefined && !taken.has(nameOf(pod)));
  };

  async function fill(): Promise<void> {
    const missing = new Map([...wanted].map(([key, { count }]) => [key, count]));
    const pods = unclaimed();
    for (const pod of pods) {
      made.delete(nameOf(pod));
      const key = keyOf(pod);
      const left = missing.get(key) ?? 0;
      const usable = pod.metadata?.labels?.[preparedLabels.by] === by && viewPod(pod).state !== "ended";
      if (usable && left > 0) missing.set(key, left - 1);
      else await discard(pod);
    }
    for (const key of made.values()) missing.set(key, (missing.get(key) ?? 0) - 1);
    for (const [key, count] of missing) for (let i = 0; i < count && !signal.aborted; i += 1) await prepare(key);
    for (const name of deleted) if (!pods.some((pod) => nameOf(pod) === name)) deleted.delete(name);
  }

  async function discard(pod: V1Pod): Promise<void> {
    const name = nameOf(pod);
    if (deleted.has(name)) return;
    const view = viewPod(pod);
    if (view.state === "ended") logger.warn("A prepared Pod ended before it was used", { name, why: view.message });
    deleted.add(name);
    await writes.deletePod(name, 1);
  }

  async function prepare(key: string): Promise<void> {
    const shape = wanted.get(key)?.shape;
    if (shape === undefined) return;
    const name = `danube-prepared-${newId()}`;
    try {
      const pod = buildPreparedPod({ shape, settings, name, by });
      made.set(name, key);
      await calls.once("create_pod", () => core.createNamespacedPod({ namespace, body: pod }));
    } catch (error) {
      made.delete(name);
      logger.warn("A Pod cannot be prepared; jobs get their own", { cause: messageOf(error) });
    }
  }

  function choose(spec: SandboxSpec): string | undefined {
    const key = preparedKey(spec);
    const ready = unclaimed().find(
      (pod) =>
        keyOf(pod) === key &&
        pod.metadata?.labels?.[preparedLabels.by] === by &&
        !deleted.has(nameOf(pod)) &&
        viewPod(pod).state === "ready",
    );
    return ready && nameOf(ready);
  }

  async function handOver(pod: string, spec: SandboxSpec): Promise<void> {
    const file = sandboxFileOf(spec, settings);
    const place = { exec, namespace, pod, container: "coordinator", timeoutMs: handOverTimeoutMs };
    const { output, status } = await calls.once("exec_hand_over", () =>
      execToEnd(takeFileCommand(file.byteLength), file, place),
    );
    if (status.status !== "Success" || output !== "taken\n")
      throw new DanubeError("exec_interrupted", `A prepared Pod did not take its job: ${JSON.stringify(output)}.`);
  }

  return {
    configure(pipelines) {
      wanted = new Map();
      for (const { spec } of pipelines) {
        if (spec.warm === 0) continue;
        const { worker, workers, services, workspace_size_gb } = spec;
        const shape = { worker, workers, services, workspaceSizeGb: workspace_size_gb };
        const key = preparedKey(shape);
        wanted.set(key, { shape, count: (wanted.get(key)?.count ?? 0) + spec.warm });
      }
      loop.nudge();
    },
    start: () => loop.start(),
    async stop() {
      await loop.stop();
      await Promise.allSettled(unclaimed().map(discard));
    },
    onChange: () => loop.nudge(),
    jobOf: (podName) => [...claims].find(([, name]) => name === podName)?.[0],
    nameOf: (jobId) => claims.get(jobId),
    async claim(spec) {
      const { jobId } = spec;
      const name = claims.get(jobId) ?? choose(spec);
      if (name === undefined) return undefined;
      const pod = options.pods().find((candidate) => nameOf(candidate) === name);
      if (pod === undefined) {
        claims.delete(jobId);
        return undefined;
      }
      claims.set(jobId, name);
      loop.nudge();
      await handOver(name, spec);
      const body = claimOf(pod, spec, clock.now());
      const merge = setHeaderOptions("Content-Type", PatchStrategy.MergePatch);
      try {
        return await calls.once("patch_pod", () => core.patchNamespacedPod({ namespace, name, body }, merge));
      } catch (error) {
        throw toSandboxError(error, jobId);
      }
    },
    forget: (jobId) => void claims.delete(jobId),
  };
}

/** What makes the Pod a job's. The deadline counts from the Pod's start. */
function claimOf(pod: V1Pod, spec: SandboxSpec, now: Date): object {
  // What the watch tells of is JSON, whatever its type says: times are text there.
  const startedAt = new Date(pod.status?.startTime ?? now).getTime();
  const ageSeconds = Math.max(0, Math.ceil((now.getTime() - startedAt) / 1_000));
  return {
    metadata: {
      labels: { [labels.jobId]: spec.jobId },
      annotations: { "danube.dev/pipeline": spec.pipelineName },
    },
    spec: { activeDeadlineSeconds: ageSeconds + spec.maxDurationSeconds + 900 },
  };
}

export function nameOf(pod: V1Pod): string {
  return pod.metadata?.name ?? "";
}

function keyOf(pod: V1Pod): string {
  return pod.metadata?.labels?.[preparedLabels.key] ?? "";
}
