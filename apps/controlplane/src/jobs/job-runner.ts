// One active job in this process: its Coordinator's calls, its steps, its timers, its end.
//
// The row in the database is the truth; a runner acts. Every event goes through `apply`: a transaction decides, and only after
// its commit are the effects carried out. A runner that is dropped without warning (kill -9) loses nothing: another process
// makes a new one from the rows and the sandbox.
//
// Longer than other files: what a job's events set off belongs together, and what could be taken out has files of its own.
import { getJobRun, getPipelineOfJob, type JobRecord, listSteps } from "@danube/db/write";
import { assertNever, DanubeError, isDanubeError, isFinal, type Job, type PipelineDocument } from "@danube/protocol";
import type { JobLogWriter } from "@danube/logs";
import type { SandboxObservation } from "@danube/runtime";
import { loadJobSecrets } from "../secrets/job-secrets.ts";
import { type AppliedEvent, applyEvent, type JobHappening, stateOf } from "./apply-event.ts";
import { Attachments } from "./attachment.ts";
import { deleteSandbox } from "./delete-sandbox.ts";
import { explainStart } from "./explain-start.ts";
import { toJobContext } from "./job-context.ts";
import type { JobEnvironment } from "./job-environment.ts";
import { createJobLog, type JobLog } from "./job-log.ts";
import { JobSteps } from "./job-steps.ts";
import { JobTimers } from "./job-timers.ts";
import { retry } from "./retry.ts";
import { authorizationOf, startJob } from "./start-job.ts";

/**
 * What is known of the sandbox. `unknown`: after a restart, until the driver has told. `absent`: not asked for yet, or being
 * made. `present`: it was made.
 */
export type SandboxKnowledge = "unknown" | "absent" | "present";

export interface JobRunnerHooks {
  /** Called once nothing is left of the job. */
  readonly onReleased: (runner: JobRunner) => void;
  /** Asks for a look at the job's sandbox. */
  readonly onDoubt: () => void;
}

export class JobRunner {
  readonly jobId: string;
  readonly pipeline: PipelineDocument;
  readonly steps: JobSteps;
  readonly attachments: Attachments;
  readonly log: JobLog;
  readonly secrets: Map<string, string>;
  sandbox: SandboxKnowledge;
  readonly #environment: JobEnvironment;
  readonly #hooks: JobRunnerHooks;
  readonly #over = new AbortController();
  readonly #timers: JobTimers;
  /** Aborts when this process stops. */
  readonly #stopping = new AbortController();
  readonly #workspaceDirectory: string | undefined;
  readonly #authorization: string | undefined;
  #record: JobRecord;
  #creating: Promise<unknown> | undefined;
  #startingMessage: string | undefined;
  /** Resolves when commands can be launched. */
  readonly #ready = Promise.withResolvers<void>();
  #isReleasing = false;
  readonly #released = Promise.withResolvers<void>();

  /** Throws `decryption_failed` when the job's secrets can't be read. */
  constructor(environment: JobEnvironment, record: JobRecord, sandbox: SandboxKnowledge, hooks: JobRunnerHooks) {
    this.#environment = environment;
    this.#hooks = hooks;
    this.#record = record;
    this.jobId = record.job.id;
    this.sandbox = sandbox;
    this.#timers = new JobTimers(environment, this.jobId);
    const { clock, timings, writer } = environment;
    this.pipeline = writer.read((transaction) => getPipelineOfJob(transaction, this.jobId));
    this.secrets = writer.read((transaction) => loadJobSecrets(transaction, environment.cipher, record.job));
    this.#workspaceDirectory = writer.read((transaction) => getJobRun(transaction, this.jobId)).workspaceDirectory;
    this.#authorization = authorizationOf(environment, record.job, this.pipeline, this.secrets);
    const steps = writer.read((transaction) => listSteps(transaction, this.jobId));
    const acknowledgedBytes = steps.reduce((most, { logOffsetEnd = 0 }) => Math.max(most, logOffsetEnd), 0);
    this.log = createJobLog(environment, this.jobId, this.secrets, acknowledgedBytes);
    this.steps = new JobSteps({
      environment,
      jobId: this.jobId,
      pipeline: this.pipeline,
      signal: this.#over.signal,
      log: () => this.openLog(),
      ready: this.#ready.promise,
      mask: (text) => this.mask(text),
      onFailure: (message) => void this.handle({ type: "infrastructureFailed", message }),
      ending: () => stateOf(this.#record).ending?.status,
    });
    this.attachments = new Attachments({
      clock,
      heartbeatMs: timings.heartbeatMs,
      context: () =>
        toJobContext({
          job: this.#record.job,
          pipeline: this.pipeline,
          authorization: this.#authorization,
          cancelGraceMs: timings.cancelGraceMs,
          workspaceDirectory: this.#workspaceDirectory,
        }),
      ending: () => stateOf(this.#record).ending,
      onAttach: () => this.#attached(),
      onDetach: () => this.#watchDetached(),
    });
  }

  get job(): Job {
    return this.#record.job;
  }

  /** Aborts when the job is over, or this process stops. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get active(): boolean {
    return !isFinal(this.#record.job.status) && !this.#stopping.signal.aborted;
  }

  /** Text as people may see it. */
  mask(text: string): string {
    return this.log.redactor.redactText(text);
  }

  /** The job's log, open for writing. A damaged one ends the job: nobody could tell what is missing in it. */
  async openLog(): Promise<JobLogWriter> {
    try {
      return await this.log.open();
    } catch (error) {
      if (isDanubeError(error, "corrupt")) void this.handle({ type: "infrastructureFailed", message: error.message });
      throw error;
    }
  }

  /** Begins an admitted job: its commit, its sandbox. */
  begin(token: string): void {
    this.#armStart();
    this.sandbox = "absent";
    const starting = startJob({
      environment: this.#environment,
      job: this.#record.job,
      pipeline: this.pipeline,
      token,
      workspaceDirectory: this.#workspaceDirectory,
      authorization: this.#authorization,
      signal: this.#over.signal,
      onCommit: (job) => {
        this.#record = { ...this.#record, job };
      },
      onCreating: (created) => {
        const settled = created
          .catch(() => undefined)
          .finally(() => {
            this.#creating = undefined;
          });
        this.#creating = settled;
      },
    });
    starting.then(
      (refusal) => {
        if (refusal) return this.handle({ type: "refused", ...refusal });
        this.sandbox = "present";
        return undefined;
      },
      (error: unknown) => {
        if (this.#over.signal.aborted) return undefined;
        this.#environment.logger.error("A job could not be started", { jobId: this.jobId, error });
        if (isDanubeError(error, "policy_denied"))
          return this.handle({ type: "refused", reason: "policy_denied", message: error.message });
        const why = isDanubeError(error) ? error.message : "an error of ours; the server's log has it.";
        return this.handle({ type: "infrastructureFailed", message: `The job could not be started: ${why}` });
      },
    );
  }

  /** After a restart: takes up the steps and timers of a job that another process began. */
  resume(): void {
    this.#environment.writer.read((transaction) => this.steps.restore(transaction));
    if (this.#record.job.status === "scheduling") this.#armStart();
    else this.#armDuration();
    if (this.#record.job.status === "running") this.steps.resume();
    if (stateOf(this.#record).ending) this.#beginEnding();
    this.#watchDetached();
  }

  /** Lets `happening` happen, and carries its effects out. Rejects when it could not be stored. */
  async apply(happening: JobHappening): Promise<AppliedEvent> {
    // Whatever a runtime says may hold a Coordinator's last words, and those what the pipeline file printed.
    const told = "message" in happening ? { ...happening, message: this.mask(happening.message) } : happening;
    const applied = await this.#environment.committer.commit(
      (transaction, emit) => applyEvent(transaction, emit, this.jobId, told, this.#environment),
      { essential: true },
    );
    this.adopt(applied);
    return applied;
  }

  /** The same for what nobody waits for: tried until it is stored, or this process stops. */
  async handle(happening: JobHappening): Promise<void> {
    const { clock, timings, logger } = this.#environment;
    try {
      await retry(() => this.apply(happening), {
        clock,
        firstMs: timings.retryFirstMs,
        longestMs: timings.retryLongestMs,
        signal: this.#over.signal,
        isRetryable: (error) => !isDanubeError(error, "draining"),
        onFailure: (error, failures) =>
          logger.error("A job's event could not be stored", {
            jobId: this.jobId,
            event: happening.type,
            failures,
            error,
          }),
      });
    } catch (error) {
      if (!this.#over.signal.aborted && !isDanubeError(error, "draining")) throw error;
    }
  }

  /** Carries out what was decided in a transaction of somebody else's. */
  adopt(applied: AppliedEvent): void {
    this.#record = applied.record;
    if (applied.transition.type !== "changed") return;
    for (const effect of applied.transition.effects) {
      switch (effect.type) {
        case "start":
        case "settleSteps":
          break;
        case "measure":
          this.#timers.disarm("start");
          this.#armDuration();
          break;
        case "end":
          this.#beginEnding();
          break;
        case "release":
          if (this.#isReleasing) break;
          this.#isReleasing = true;
          this.#release().then(this.#released.resolve, this.#released.reject);
          break;
        default:
          assertNever(effect);
      }
    }
  }

  /** The driver has seen something of the sandbox. */
  observe(observation: SandboxObservation): void {
    if (!this.active) return;
    switch (observation.phase) {
      case "starting":
        this.#startingMessage = observation.message;
        if (observation.message !== undefined && this.#record.job.status === "scheduling")
          void explainStart(this.#environment, this.jobId, this.mask(observation.message));
        break;
      case "ready":
        this.sandbox = "present";
        this.#startingMessage = undefined;
        this.#ready.resolve();
        break;
      case "ended":
        void this.handle({
          type: "infrastructureFailed",
          reason: observation.reason,
          message: observation.reason
            ? observation.message
            : `The Coordinator ended without reporting a result. ${observation.message}`.trim(),
        });
        break;
      default:
        assertNever(observation);
    }
  }

  /** The driver does not know the sandbox that was made for this job. */
  missing(): void {
    void this.handle({ type: "infrastructureFailed", message: "The job's sandbox is gone." });
  }

  /** Resolves when the job has ended and nothing is left of it. */
  async released(): Promise<void> {
    await this.#released.promise;
  }

  /** This process stops; the job goes on. */
  async stop(): Promise<void> {
    const reason = new DanubeError("draining", "The control plane is stopping.", { ids: { jobId: this.jobId } });
    this.#stopping.abort(reason);
    this.#quiet(reason);
    await this.log.close({ final: false });
  }

  #attached(): void {
    this.sandbox = "present";
    this.#timers.disarm("start");
    this.#timers.disarm("detached");
    if (this.#record.job.status === "scheduling") this.#armDuration();
  }

  /** A Coordinator that is away may come back: only the driver can tell whether it never will. */
  #watchDetached(): void {
    if (!this.active) return;
    this.#timers.arm("detached", this.#environment.timings.detachedCheckMs, () => {
      this.#hooks.onDoubt();
      this.#watchDetached();
    });
  }

  #armStart(): void {
    const { timings } = this.#environment;
    this.#timers.armSince("scheduledMark", "start", timings.startDeadlineMs, () => {
      const why = this.#startingMessage === undefined ? "" : ` The last that was heard of it: ${this.#startingMessage}`;
      const message = `The job's Coordinator did not attach within ${timings.startDeadlineMs / 1_000} s.${why}`;
      void this.handle({ type: "infrastructureFailed", message });
    });
  }

  #armDuration(): void {
    const maxDurationSeconds = this.pipeline.spec.max_duration_seconds;
    // Before it runs there is no mark yet, and the time counts from now.
    this.#timers.armSince("startedMark", "duration", maxDurationSeconds * 1_000, () => {
      void this.handle({ type: "durationExceeded", maxDurationSeconds });
    });
  }

  #beginEnding(): void {
    const { timings } = this.#environment;
    const ending = stateOf(this.#record).ending;
    if (!ending) return;
    this.#timers.disarm("duration");
    this.attachments.notify();
    this.steps.tellToEnd(ending.status);
    const graceMs = timings.cancelGraceMs + timings.endSlackMs;
    this.#timers.armSince("endingMark", "grace", graceMs, () => void this.handle({ type: "graceExpired" }));
  }

  /** The final state is durable: nothing of the job may stay. */
  async #release(): Promise<void> {
    const { logger, metrics } = this.#environment;
    this.#quiet(new DanubeError("job_not_active", "The job has ended.", { ids: { jobId: this.jobId } }));
    const { job } = this.#record;
    metrics.jobsTotal.increment({ status: job.status, pipeline: job.pipelineName });
    if (job.startedAt !== undefined && job.finishedAt !== undefined) {
      metrics.jobDurationSeconds.observe((Date.parse(job.finishedAt) - Date.parse(job.startedAt)) / 1_000);
    }
    this.secrets.clear();
    await this.log
      .close({ final: true })
      .catch((error: unknown) => logger.error("A job's log could not be closed", { jobId: this.jobId, error }));
    const signal = this.#stopping.signal;
    try {
      await deleteSandbox({ environment: this.#environment, jobId: this.jobId, creating: this.#creating, signal });
      this.#hooks.onReleased(this);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #quiet(reason: DanubeError): void {
    this.#timers.stop();
    this.steps.release();
    this.#over.abort(reason);
  }
}
