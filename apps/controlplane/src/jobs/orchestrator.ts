// All active jobs of this process, and what keeps database, sandboxes and runners in agreement.
import {
  findJob,
  findJobTokenHash,
  getJob,
  type JobRecord,
  listActiveJobs,
  listEndedJobsWithSandbox,
  markSandboxDeleted,
  setJobToken,
} from "@danube/db/write";
import { createLoop, type Loop } from "@danube/kit";
import { isDanubeError, isFinal } from "@danube/protocol";
import type { RuntimeDriver, SandboxObservation } from "@danube/runtime";
import { type AppliedEvent, applyEvent, type JobHappening } from "./apply-event.ts";
import type { JobEnvironment } from "./job-environment.ts";
import { JobRunner, type SandboxKnowledge } from "./job-runner.ts";
import { createJobToken, hashToken, type JobToken } from "./job-token.ts";

export interface Orchestrator {
  /** Makes runners for the jobs that an earlier process left active. Before anything is listened to. */
  recover(): void;
  /** Begins to observe and to reconcile. */
  start(): Promise<void>;
  /** Stops acting; jobs go on in their sandboxes. */
  stop(): Promise<void>;
  /** Begins a job that was admitted in a transaction that is durable now. */
  begin(jobId: string, token: JobToken): void;
  /** Lets something happen to a job, whether or not it is active here. Throws `not_found`. */
  apply(jobId: string, happening: JobHappening): Promise<AppliedEvent>;
  /** Carries out what was decided in a transaction of the caller's. */
  adopt(applied: AppliedEvent): void;
  findByToken(token: string): JobRunner | undefined;
  find(jobId: string): JobRunner | undefined;
  /** Resolves when the job has ended and nothing is left of it. For one that is not active here: at once. */
  released(jobId: string): Promise<void>;
  /** Compares jobs and sandboxes now. */
  reconcile(): Promise<void>;
}

export interface OrchestratorOptions {
  readonly environment: JobEnvironment;
  readonly reconcileIntervalMs: number;
}

export function createOrchestrator(options: OrchestratorOptions): Orchestrator {
  const { reconcileIntervalMs } = options;
  const started = Promise.withResolvers<void>();
  const driver = afterStart(options.environment.driver, started.promise);
  const environment = { ...options.environment, driver };
  const { clock, committer, logger, metrics, writer } = environment;
  const runners = new Map<string, JobRunner>();
  const tokens = new Map<string, JobRunner>();
  let stopped = false;
  let unsubscribe = () => {};

  const setToken = (runner: JobRunner, sha256: string) => {
    for (const [known, owner] of tokens) if (owner === runner) tokens.delete(known);
    tokens.set(sha256, runner);
  };
  const create = (record: JobRecord, sandbox: SandboxKnowledge): JobRunner | undefined => {
    try {
      const runner = new JobRunner(environment, record, sandbox, {
        onReleased: (released) => {
          runners.delete(released.jobId);
          for (const [known, owner] of tokens) if (owner === released) tokens.delete(known);
        },
        onDoubt: () => loop.nudge(),
      });
      runners.set(record.job.id, runner);
      return runner;
    } catch (error) {
      logger.error("A job could not be taken up", { jobId: record.job.id, error });
      const message = isDanubeError(error)
        ? error.message
        : "The job could not be taken up; the server's log says why.";
      committer
        .commit(
          (transaction, emit) =>
            applyEvent(transaction, emit, record.job.id, { type: "infrastructureFailed", message }, environment),
          { essential: true },
        )
        .catch((cause: unknown) =>
          logger.error("A job's end could not be stored", { jobId: record.job.id, error: cause }),
        );
      return undefined;
    }
  };
  const begin = (jobId: string, token: JobToken): void => {
    if (stopped || runners.has(jobId)) return;
    const record = writer.read((transaction) => getJob(transaction, jobId));
    if (isFinal(record.job.status)) return;
    const runner = create(record, "absent");
    if (!runner) return;
    metrics.jobQueueSeconds.observe(Math.max(0, clock.now().getTime() - Date.parse(record.job.createdAt)) / 1_000);
    setToken(runner, token.sha256);
    runner.begin(token.token);
  };
  /** A new token, because nobody knows the one that the process before had made. */
  const beginAgain = async (runner: JobRunner): Promise<void> => {
    const token = createJobToken();
    runner.sandbox = "absent";
    await committer.commit((transaction) => setJobToken(transaction, runner.jobId, token.sha256));
    setToken(runner, token.sha256);
    runner.begin(token.token);
  };
  const observe = (observation: SandboxObservation): void => runners.get(observation.jobId)?.observe(observation);

  const reconcile = async (): Promise<void> => {
    const before = [...runners.values()].filter((runner) => runner.sandbox !== "absent");
    const observations = new Map((await driver.listSandboxes()).map((seen) => [seen.jobId, seen]));
    if (stopped) return;
    for (const runner of before) {
      if (!runner.active || runner.sandbox === "absent") continue;
      const seen = observations.get(runner.jobId);
      if (seen) {
        if (runner.sandbox === "unknown") logger.info("A job goes on in its sandbox", { jobId: runner.jobId });
        runner.sandbox = "present";
        runner.observe(seen);
      } else if (runner.sandbox === "unknown" && runner.job.status === "scheduling") {
        await beginAgain(runner);
      } else {
        runner.missing();
      }
    }
    await removeOrphans([...observations.keys()]);
  };
  const removeOrphans = async (sandboxes: readonly string[]): Promise<void> => {
    const ended = writer.read((transaction) => listEndedJobsWithSandbox(transaction)).map(({ job }) => job.id);
    for (const jobId of new Set([...ended, ...sandboxes])) {
      // What has a runner is active, or is being released by it.
      if (stopped || runners.has(jobId)) continue;
      const record = writer.read((transaction) => findJob(transaction, jobId));
      if (record && !isFinal(record.job.status)) continue;
      logger.info("Deleting a sandbox without an active job", { jobId });
      await driver.deleteSandbox(jobId, { graceMs: 0 });
      if (record) await committer.commit((transaction) => markSandboxDeleted(transaction, jobId), { essential: true });
    }
  };
  const loop: Loop = createLoop({
    name: "reconcile jobs and sandboxes",
    intervalMs: reconcileIntervalMs,
    run: reconcile,
    clock,
    logger,
  });

  return {
    recover() {
      for (const record of writer.read((transaction) => listActiveJobs(transaction))) {
        if (record.job.status === "pending") continue;
        const runner = create(record, "unknown");
        if (!runner) continue;
        const sha256 = writer.read((transaction) => findJobTokenHash(transaction, record.job.id));
        if (sha256 !== undefined) setToken(runner, sha256);
        runner.resume();
      }
    },
    async start() {
      unsubscribe = driver.onObservation(observe);
      await driver.start();
      started.resolve();
      loop.start();
    },
    async stop() {
      stopped = true;
      unsubscribe();
      await loop.stop();
      await Promise.all([...runners.values()].map((runner) => runner.stop()));
      await driver.stop();
    },
    begin,
    async apply(jobId, happening) {
      const runner = runners.get(jobId);
      if (runner) return await runner.apply(happening);
      const applied = await committer.commit(
        (transaction, emit) => applyEvent(transaction, emit, jobId, happening, environment),
        { essential: happening.type !== "admitted" },
      );
      if (applied.token) begin(jobId, applied.token);
      return applied;
    },
    adopt(applied) {
      if (applied.token) begin(applied.record.job.id, applied.token);
      else runners.get(applied.record.job.id)?.adopt(applied);
    },
    findByToken: (token) => tokens.get(hashToken(token)),
    find: (jobId) => runners.get(jobId),
    released: async (jobId) => {
      await runners.get(jobId)?.released();
    },
    reconcile,
  };
}

/** Lets whoever asks the driver before it is started wait until it is: Coordinators may call back earlier than that. */
function afterStart(driver: RuntimeDriver, started: Promise<void>): RuntimeDriver {
  const wait =
    <A extends unknown[], R>(run: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await started;
      return await run(...args);
    };
  return {
    name: driver.name,
    isolation: driver.isolation,
    start: () => driver.start(),
    stop: () => driver.stop(),
    onObservation: (listener) => driver.onObservation(listener),
    check: () => driver.check(),
    createSandbox: wait((spec) => driver.createSandbox(spec)),
    listSandboxes: wait(() => driver.listSandboxes()),
    exec: wait((jobId, worker, command) => driver.exec(jobId, worker, command)),
    deleteSandbox: wait((jobId, deletion) => driver.deleteSandbox(jobId, deletion)),
  };
}
