// Jobs as Pods. The contract is in package runtime (driver.ts); what a Pod looks like is in pod-spec.ts, what its status
// means in pod-view.ts.
//
// A job costs four writes: Secret and Pod made, Pod and Secret deleted. The Pod comes last and goes first, so that a Secret
// without a Pod is always an orphan. Exec launches, signals and probes; nothing else depends on its connection.
import { CoreV1Api, Exec, type KubeConfig, type V1Pod } from "@kubernetes/client-node";
import { type Cancel, type Clock, type Logger, type Metrics, systemClock } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { LauncherCommand, RuntimeDriver, SandboxObservation, SandboxSpec, StepProbe } from "@danube/runtime";
import { createApiCalls } from "./api-calls.ts";
import { messageOf, statusOf, toSandboxError } from "./api-errors.ts";
import { execLauncher } from "./launcher-exec.ts";
import { buildPod, buildSecret, labels, objectName, ownedBy, type PodSettings, workerContainer } from "./pod-spec.ts";
import { type PodView, viewPod } from "./pod-view.ts";
import { createPodWatch } from "./pod-watch.ts";

export interface KubernetesDriverOptions {
  readonly config: KubeConfig;
  readonly pods: PodSettings;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  /** How long an image may fail to be pulled, and a Pod find no node, before that ends the job. In milliseconds. */
  readonly imagePullGraceMs?: number;
  readonly unschedulableGraceMs?: number;
}

export function createKubernetesDriver(options: KubernetesDriverOptions): RuntimeDriver {
  const { config, pods: settings, metrics, clock = systemClock } = options;
  const graces = {
    image_pull: options.imagePullGraceMs ?? 30_000,
    unschedulable: options.unschedulableGraceMs ?? 600_000,
  };
  const logger = options.logger.child({ runtime: "kubernetes" });
  const { namespace } = settings;
  const core = config.makeApiClient(CoreV1Api);
  const exec = new Exec(config);
  const calls = createApiCalls({
    clock,
    logger,
    ...(metrics === undefined ? {} : { metrics }),
    perSecond: 50,
    burst: 100,
  });
  const listeners = new Set<(observation: SandboxObservation) => void>();
  /** Sandboxes that we delete: their Pods' end is our doing and no news. */
  const deleting = new Map<string, Set<() => void>>();
  /** Since when a Pod has had the problem it has, and the timer for the moment when that is too long. */
  const problems = new Map<string, { readonly kind: string; readonly sinceMs: number; readonly cancel: Cancel }>();
  const last = new Map<string, string>();
  const stopping = new AbortController();

  const watch = createPodWatch({
    config,
    core,
    calls,
    namespace,
    labelSelector: ownedBy(settings.instance),
    clock,
    logger,
    onChange: (pod) => observe(pod),
    onGone(pod) {
      const jobId = jobIdOf(pod);
      forget(jobId);
      metrics?.k8sPodsActive.set(watch.list().length);
      const waiting = deleting.get(jobId);
      if (waiting) for (const resolve of waiting) resolve();
      else emit({ jobId, phase: "ended", reason: "infra_lost", message: "The Pod was deleted by somebody else." });
    },
  });

  function observe(pod: V1Pod): void {
    const jobId = jobIdOf(pod);
    metrics?.k8sPodsActive.set(watch.list().length);
    if (deleting.has(jobId)) return;
    emit(toObservation(jobId, viewPod(pod)));
  }

  function toObservation(jobId: string, view: PodView): SandboxObservation {
    const problem = view.state === "waiting" ? view.problem : undefined;
    if (problems.has(jobId) && problems.get(jobId)?.kind !== problem) forget(jobId);
    if (view.state === "ready") return { jobId, phase: "ready" };
    if (view.state === "ended") return { jobId, phase: "ended", reason: view.reason, message: view.message };
    if (problem === undefined) return { jobId, phase: "starting", message: view.message };
    const sinceMs = problems.get(jobId)?.sinceMs ?? noteProblem(jobId, problem);
    const isOver = view.hopeless === true || clock.monotonicMs() - sinceMs >= graces[problem];
    if (!isOver) return { jobId, phase: "starting", message: view.message };
    return { jobId, phase: "ended", reason: problem, message: view.message };
  }

  function noteProblem(jobId: string, kind: "image_pull" | "unschedulable"): number {
    const sinceMs = clock.monotonicMs();
    const cancel = clock.setTimeout(() => {
      const pod = watch.get(objectName(jobId));
      if (pod) observe(pod);
    }, graces[kind] + 50);
    problems.set(jobId, { kind, sinceMs, cancel });
    return sinceMs;
  }

  function forget(jobId: string): void {
    problems.get(jobId)?.cancel();
    problems.delete(jobId);
  }

  function emit(observation: SandboxObservation): void {
    const text = JSON.stringify(observation);
    if (last.get(observation.jobId) === text) return;
    last.set(observation.jobId, text);
    for (const listener of listeners) listener(observation);
  }

  /** Creates an object; one that is there already is the one we made before our answer was lost. */
  async function ensure(operation: string, create: () => Promise<unknown>): Promise<void> {
    try {
      await calls.untilAnswered(operation, create, stopping.signal);
    } catch (error) {
      if (statusOf(error) !== 409) throw error;
    }
  }

  async function remove(operation: string, call: () => Promise<unknown>): Promise<void> {
    try {
      await calls.untilAnswered(operation, call, stopping.signal);
    } catch (error) {
      if (statusOf(error) !== 404) throw error;
    }
  }

  const removeSecret = (jobId: string) =>
    remove("delete_secret", () => core.deleteNamespacedSecret({ namespace, name: objectName(jobId) }));
  const removePod = (jobId: string, gracePeriodSeconds: number) =>
    remove("delete_pod", () => core.deleteNamespacedPod({ namespace, name: objectName(jobId), gracePeriodSeconds }));

  /** Secrets whose Pod was never made, or outlived by them: what a crash between two writes leaves. */
  async function removeOrphans(): Promise<void> {
    const labelSelector = ownedBy(settings.instance);
    const secrets = await calls.untilAnswered(
      "list_secrets",
      () => core.listNamespacedSecret({ namespace, labelSelector }),
      stopping.signal,
    );
    for (const secret of secrets.items) {
      const jobId = secret.metadata?.labels?.[labels.jobId];
      const ageMs = clock.now().getTime() - (secret.metadata?.creationTimestamp?.getTime() ?? 0);
      if (jobId !== undefined && watch.get(objectName(jobId)) === undefined && ageMs > 60_000)
        await removeSecret(jobId);
    }
  }

  return {
    name: "kubernetes",
    isolation: "pod",
    async start() {
      await watch.start();
      void removeOrphans().catch((error: unknown) => logger.warn("orphaned Secrets were not removed", { error }));
    },
    async stop() {
      stopping.abort();
      for (const jobId of problems.keys()) forget(jobId);
      await watch.stop();
    },
    async createSandbox(spec: SandboxSpec) {
      if (spec.workspaceDirectory !== undefined)
        throw new DanubeError(
          "invalid_request",
          "A directory of the author's machine cannot be a Pod's workspace; use the local runtime.",
        );
      const pod = buildPod(spec, settings);
      try {
        await ensure("create_secret", () =>
          core.createNamespacedSecret({ namespace, body: buildSecret(spec, settings) }),
        );
        await ensure("create_pod", () => core.createNamespacedPod({ namespace, body: pod }));
      } catch (error) {
        await removeSecret(spec.jobId).catch((cause: unknown) =>
          logger.warn("a Secret was left behind", { jobId: spec.jobId, cause: messageOf(cause) }),
        );
        throw toSandboxError(error, spec.jobId);
      }
    },
    onObservation(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async listSandboxes() {
      return watch.list().map((pod) => toObservation(jobIdOf(pod), viewPod(pod)));
    },
    async exec(jobId: string, worker: string | undefined, command: LauncherCommand): Promise<StepProbe> {
      const name = objectName(jobId);
      const pod = watch.get(name);
      if (pod === undefined || viewPod(pod).state === "ended")
        throw new DanubeError("sandbox_missing", "The job's Pod is gone.", { ids: { jobId } });
      return calls.once(`exec_${command.verb}`, () =>
        execLauncher(command, { exec, namespace, pod: name, container: workerContainer(worker), timeoutMs: 20_000 }),
      );
    },
    async deleteSandbox(jobId, { graceMs }) {
      const waiting = deleting.get(jobId) ?? new Set();
      deleting.set(jobId, waiting);
      try {
        const graceSeconds = Math.min(Math.ceil(graceMs / 1_000), 30);
        if (watch.get(objectName(jobId)) !== undefined) {
          const gone = new Promise<void>((resolve) => waiting.add(resolve));
          await removePod(jobId, graceSeconds);
          if (!(await settlesWithin(clock, gone, (graceSeconds + 15) * 1_000))) {
            // Its node does not answer: the object goes now, the containers when the node is back.
            await removePod(jobId, 0);
            await gone;
          }
        } else {
          await removePod(jobId, graceSeconds);
        }
        await removeSecret(jobId);
      } finally {
        deleting.delete(jobId);
        last.delete(jobId);
        forget(jobId);
      }
    },
    async check() {
      try {
        await calls.once("list_pods", () =>
          core.listNamespacedPod({ namespace, limit: 1, labelSelector: ownedBy(settings.instance) }),
        );
        return { ok: true };
      } catch (error) {
        return { ok: false, detail: `Kubernetes does not let us see Pods in ${namespace}: ${messageOf(error)}` };
      }
    },
  };
}

function jobIdOf(pod: V1Pod): string {
  return pod.metadata?.labels?.[labels.jobId] ?? "";
}

async function settlesWithin(clock: Clock, promise: Promise<void>, ms: number): Promise<boolean> {
  let cancel: Cancel = () => undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    cancel = clock.setTimeout(() => resolve(false), ms);
  });
  const settled = await Promise.race([promise.then(() => true), tooLate]);
  cancel();
  return settled;
}
