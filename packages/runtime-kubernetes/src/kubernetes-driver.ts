// Jobs as Pods. The contract is in package runtime (driver.ts); what a Pod looks like is in pod-spec.ts, what its status
// means in pod-view.ts, and what is written in sandbox-writes.ts.
//
// The Pod is made last and deleted first, so that a Secret without a Pod is always an orphan. Exec launches, signals and
// probes; nothing else depends on its connection.
import { CoreV1Api, Exec, type KubeConfig, type V1Pod } from "@kubernetes/client-node";
import { type Clock, createLoop, delay, type Logger, type Metrics, systemClock } from "@danube/kit";
import { DanubeError, isDanubeError } from "@danube/protocol";
import type { LauncherCommand, RuntimeDriver, SandboxObservation, SandboxSpec, StepProbe } from "@danube/runtime";
import { createApiCalls } from "./api-calls.ts";
import { type Deletion, type Progress, settlesWithin } from "./deletion.ts";
import { createEgressReconciler, type EgressWanted } from "./egress-reconciler.ts";
import { isQuotaRefusal, isTransient, messageOf, toSandboxError } from "./api-errors.ts";
import { execLauncher } from "./launcher-exec.ts";
import { createPodProblems } from "./pod-problems.ts";
import { buildPod, buildSecret, labels, objectName, ownedBy, type PodSettings, workerContainer } from "./pod-spec.ts";
import { areContainersOver, isContainerRunning, type PodView, viewPod } from "./pod-view.ts";
import { createPodWatch } from "./pod-watch.ts";
import { withJobId } from "./prepared-pod.ts";
import { createPreparedPods, nameOf } from "./prepared-pods.ts";
import { createSandboxWrites } from "./sandbox-writes.ts";

export interface KubernetesDriverOptions {
  readonly config: KubeConfig;
  readonly pods: PodSettings;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  /** How long an image may fail to be pulled, and a Pod find no node or no quota, before that ends the job. In milliseconds. */
  readonly imagePullGraceMs?: number;
  readonly unschedulableGraceMs?: number;
  /** How often Secrets without a Pod are looked for. In milliseconds. */
  readonly orphanIntervalMs?: number;
  /** What jobs may reach, as network policies. Absent: somebody else looks after them. */
  readonly egress?: EgressWanted;
}

/** How long one exec may take. */
const execTimeoutMs = 20_000;
/** What a node has beyond the grace to report the end of a Pod, before its object is removed without it. */
const nodeSlackMs = 15_000;
/** What it has to remove the object once every container has ended; some take ten seconds. */
const objectSlackMs = 500;
/** A Secret younger than this may belong to a Pod that is being made. */
const orphanAgeMs = 60_000;

export function createKubernetesDriver(options: KubernetesDriverOptions): RuntimeDriver {
  const { config, pods: settings, metrics, clock = systemClock } = options;
  const { namespace } = settings;
  const logger = options.logger.child({ runtime: "kubernetes" });
  const core = config.makeApiClient(CoreV1Api);
  const exec = new Exec(config);
  const calls = createApiCalls({ clock, logger, metrics, perSecond: 50, burst: 100 });
  const stopping = new AbortController();
  const writes = createSandboxWrites({ core, calls, namespace, signal: stopping.signal });
  const listeners = new Set<(observation: SandboxObservation) => void>();
  const last = new Map<string, SandboxObservation>();
  /** Deletions under way: their Pods' end is our doing and no news. */
  const deleting = new Map<string, Deletion>();
  /** Creations under way, and Pods that were made but that the watch has not told of yet. */
  const creating = new Map<string, Promise<void>>();
  const unseen = new Map<string, V1Pod>();
  const problems = createPodProblems({
    clock,
    gracesMs: {
      image_pull: options.imagePullGraceMs ?? 30_000,
      unschedulable: options.unschedulableGraceMs ?? 600_000,
    },
    onOver(jobId) {
      const pod = find(jobId);
      if (pod) observe(pod);
    },
  });
  const watch = createPodWatch({
    config,
    core,
    calls,
    namespace,
    labelSelector: ownedBy(settings.instance),
    clock,
    logger,
    onChange: observe,
    onGone(pod) {
      const jobId = jobIdOf(pod);
      if (jobId === "") return;
      prepared.forget(jobId);
      problems.forget(jobId);
      unseen.delete(jobId);
      metrics?.k8sPodsActive.set(watch.list().length);
      const deletion = deleting.get(jobId);
      if (deletion) deletion.gone();
      else emit({ jobId, phase: "ended", reason: "infra_lost", message: "The Pod was deleted by somebody else." });
    },
  });
  const orphans = createLoop({
    name: "remove orphaned Secrets",
    intervalMs: options.orphanIntervalMs ?? 180_000,
    run: removeOrphans,
    clock,
    logger,
  });

  const egress =
    options.egress && createEgressReconciler({ config, calls, clock, logger, namespace, wanted: options.egress });

  const prepared = createPreparedPods({
    core,
    exec,
    calls,
    writes,
    pods: () => watch.list(),
    settings,
    clock,
    logger,
    signal: stopping.signal,
  });

  /** A Pod that was prepared has a name of its own. */
  function find(jobId: string): V1Pod | undefined {
    const isIts = (pod: V1Pod) => pod.metadata?.labels?.[labels.jobId] === jobId;
    const name = prepared.nameOf(jobId) ?? objectName(jobId);
    return watch.get(name) ?? unseen.get(jobId) ?? watch.list().find(isIts);
  }

  function jobIdOf(pod: V1Pod): string {
    return pod.metadata?.labels?.[labels.jobId] ?? prepared.jobOf(nameOf(pod)) ?? "";
  }

  function observe(pod: V1Pod): void {
    const jobId = jobIdOf(pod);
    unseen.delete(jobId);
    metrics?.k8sPodsActive.set(watch.list().length);
    if (jobId === "") return prepared.onChange();
    const deletion = deleting.get(jobId);
    if (!deletion) emit(toObservation(jobId, viewPod(pod)));
    else if (areContainersOver(pod)) deletion.over();
  }

  function toObservation(jobId: string, view: PodView): SandboxObservation {
    const problem = view.state === "waiting" ? view.problem : undefined;
    const isOver = problems.isOver(jobId, problem);
    if (view.state === "ready") return { jobId, phase: "ready" };
    if (view.state === "ended") return { jobId, phase: "ended", reason: view.reason, message: view.message };
    const message = problems.describe(jobId, view.message, view.isVague === true);
    if (problem !== undefined && (isOver || view.hopeless === true))
      return { jobId, phase: "ended", reason: problem, message };
    return { jobId, phase: "starting", message };
  }

  function emit(observation: SandboxObservation): void {
    const before = last.get(observation.jobId);
    if (JSON.stringify(before) === JSON.stringify(observation) || before?.phase === "ended") return;
    last.set(observation.jobId, observation);
    for (const listener of listeners) listener(observation);
  }

  async function create(spec: SandboxSpec): Promise<void> {
    const { jobId } = spec;
    const claimed = await prepared.claim(spec);
    if (claimed) return observe(claimed);
    const pod = buildPod(spec, settings);
    try {
      await writes.createSecret(buildSecret(spec, settings));
      const made = await writes.createPod(pod);
      if (made && watch.get(objectName(jobId)) === undefined) unseen.set(jobId, made);
    } catch (error) {
      if (isQuotaRefusal(error)) waitForQuota(jobId, messageOf(error));
      if (!isTransient(error) && !isQuotaRefusal(error)) {
        await writes
          .deleteSecret(jobId)
          .catch((cause: unknown) => logger.warn("a Secret was left behind", { jobId, cause: messageOf(cause) }));
      }
      throw toSandboxError(error, jobId);
    }
  }

  /** No Pod tells of this: the caller asks again and again, and so the time passes. */
  function waitForQuota(jobId: string, words: string): void {
    const message = `The namespace's quota has no room for it: ${words}`;
    if (problems.isOver(jobId, "unschedulable")) emit({ jobId, phase: "ended", reason: "unschedulable", message });
    else emit({ jobId, phase: "starting", message });
  }

  async function remove(jobId: string, graceMs: number, deletion: Progress): Promise<void> {
    await creating.get(jobId)?.catch(() => undefined); // what became of it is its caller's to know; we look for ourselves
    const existing = find(jobId);
    // With 0 the object would vanish at once, and the containers some time later: only where they have ended.
    const graceSeconds = Math.min(Math.max(1, Math.ceil(graceMs / 1_000)), 30);
    const name = existing ? nameOf(existing) : objectName(jobId);
    const found = await writes.deletePod(name, existing && areContainersOver(existing) ? 0 : graceSeconds);
    if (!found) unseen.delete(jobId);
    if (find(jobId)) {
      const over = deletion.over.then(() => delay(clock, objectSlackMs));
      const ended = await settlesWithin(clock, Promise.race([deletion.gone, over]), graceSeconds * 1_000 + nodeSlackMs);
      if (!ended) logger.warn("the node does not report the end of a Pod; its object is removed without", { jobId });
      if (find(jobId)) await writes.deletePod(name, 0);
      if (find(jobId)) await deletion.gone;
    }
    await writes.deleteSecret(jobId);
    if (existing) emit({ jobId, phase: "ended", message: "The sandbox was deleted." });
    last.delete(jobId);
    problems.forget(jobId);
    prepared.forget(jobId);
  }

  /** Secrets whose Pod was never made, or outlived by them: what a crash between two writes leaves. */
  async function removeOrphans(): Promise<void> {
    const labelSelector = ownedBy(settings.instance);
    const secrets = await calls.once("list_secrets", () => core.listNamespacedSecret({ namespace, labelSelector }));
    for (const secret of secrets.items) {
      const jobId = secret.metadata?.labels?.[labels.jobId];
      const ageMs = clock.now().getTime() - (secret.metadata?.creationTimestamp?.getTime() ?? 0);
      if (jobId === undefined || ageMs < orphanAgeMs || find(jobId) || creating.has(jobId)) continue;
      logger.info("removing a Secret without a Pod", { jobId });
      await writes.deleteSecret(jobId);
    }
  }

  return {
    name: "kubernetes",
    isolation: "pod",
    configure({ egressAllowlist, pipelines }) {
      egress?.allow(egressAllowlist);
      prepared.configure(pipelines);
    },
    async start() {
      egress?.start();
      await watch.start();
      orphans.start();
      prepared.start();
    },
    async stop() {
      stopping.abort();
      problems.clear();
      await Promise.all([watch.stop(), orphans.stop(), egress?.stop(), prepared.stop()]);
    },
    async createSandbox(spec: SandboxSpec) {
      const { jobId } = spec;
      if (spec.workspaceDirectory !== undefined)
        throw new DanubeError(
          "invalid_request",
          "A directory of the author's machine cannot be a Pod's workspace; use the local runtime.",
        );
      // One that this process chose is the job's once it says so.
      const existing = find(jobId);
      if (existing && existing.metadata?.labels?.[labels.jobId] !== undefined) return;
      egress?.assertApplied();
      const made = creating.get(jobId) ?? create(spec).finally(() => creating.delete(jobId));
      creating.set(jobId, made);
      await made;
    },
    onObservation(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async listSandboxes() {
      const pods = new Map([...unseen.values(), ...watch.list()].map((pod) => [jobIdOf(pod), pod]));
      pods.delete(""); // prepared ones
      return [...pods].map(([jobId, pod]) => toObservation(jobId, viewPod(pod)));
    },
    async exec(jobId: string, worker: string | undefined, command: LauncherCommand): Promise<StepProbe> {
      const pod = find(jobId);
      const container = workerContainer(worker);
      // What has begun can still be asked about when the Coordinator is gone; nothing more begins.
      const over = pod === undefined || (command.verb === "launch" && viewPod(pod).state === "ended");
      if (over || deleting.has(jobId) || !isContainerRunning(pod, container))
        throw new DanubeError("sandbox_missing", "The job's Pod is gone.", { ids: { jobId } });
      const place = { exec, namespace, pod: nameOf(pod), container, timeoutMs: execTimeoutMs };
      return await calls.once(`exec_${command.verb}`, () => execLauncher(withJobId(command, jobId), place));
    },
    async deleteSandbox(jobId, { graceMs }) {
      const underWay = deleting.get(jobId);
      if (underWay) return await underWay.done;
      const over = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      const onStop = () => gone.reject(new DanubeError("draining", "The driver stops.", { ids: { jobId } }));
      gone.promise.catch(() => undefined); // nobody may be waiting for it
      stopping.signal.addEventListener("abort", onStop, { once: true });
      const done = remove(jobId, graceMs, { over: over.promise, gone: gone.promise }).finally(() => {
        stopping.signal.removeEventListener("abort", onStop);
        deleting.delete(jobId);
      });
      deleting.set(jobId, { done, over: over.resolve, gone: gone.resolve });
      await done;
    },
    async check() {
      try {
        await calls.once("list_pods", () =>
          core.listNamespacedPod({ namespace, limit: 1, labelSelector: ownedBy(settings.instance) }),
        );
        egress?.assertApplied();
        return { ok: true };
      } catch (error) {
        if (isDanubeError(error)) return { ok: false, detail: error.message };
        return { ok: false, detail: `Kubernetes does not let us see Pods in ${namespace}: ${messageOf(error)}` };
      }
    },
  };
}
