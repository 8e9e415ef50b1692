// The steps of one active job.
import {
  findStep,
  finishStep,
  keepStepRun,
  listStepRuns,
  listSteps,
  markStepSignalled,
  type ReadTransaction,
  restartStepRun,
  startStep,
} from "@danube/db/write";
import type { JobLogWriter } from "@danube/logs";
import {
  DanubeError,
  errorCodes,
  isDanubeError,
  type JobMethods,
  type PipelineDocument,
  type RunStepRequest,
  type Step,
  type StepClientFrame,
  type StepResult,
  type StepServerFrame,
} from "@danube/protocol";
import type { DuplexFrame } from "@danube/rpc";
import { buildStepScript } from "@danube/runtime";
import type { z } from "zod";
import { digestCommand } from "../steps/command-digest.ts";
import { RunningStep } from "../steps/running-step.ts";
import type { SignalReason, StepHost, StepOutcome } from "../steps/step-host.ts";
import type { JobEnvironment } from "./job-environment.ts";
import { defaultWorkerName, workerNames } from "./job-context.ts";
import { TimeMark } from "./stopwatch.ts";

type GroupReport = z.output<JobMethods["reportGroup"]["request"]>;

export interface JobStepsOptions {
  readonly environment: JobEnvironment;
  readonly jobId: string;
  readonly pipeline: PipelineDocument;
  readonly signal: AbortSignal;
  readonly log: () => Promise<JobLogWriter>;
  /** Resolves when commands can be launched. */
  readonly ready: Promise<void>;
  /** Masks secrets in text that is stored. */
  readonly mask: (text: string) => string;
  readonly onFailure: (message: string) => void;
  /** How the job is about to end, once it was told to. */
  readonly ending: () => SignalReason | undefined;
}

interface StepEntry {
  readonly digest: string;
  readonly running: RunningStep;
  /** Aborts when the row can't be stored, with why. */
  readonly refused: AbortController;
}

export class JobSteps {
  readonly #options: JobStepsOptions;
  /** Every step that this job began, by id: ended ones with their result. */
  readonly #steps = new Map<string, StepEntry>();
  readonly #groups = new Set<string>();

  constructor(options: JobStepsOptions) {
    this.#options = options;
  }

  /** After a restart: takes up the steps of the rows. */
  restore(transaction: ReadTransaction): void {
    const runs = new Map(listStepRuns(transaction, this.#options.jobId).map((run) => [run.stepId, run]));
    for (const step of listSteps(transaction, this.#options.jobId)) {
      const run = runs.get(step.id);
      if (step.kind === "group") this.#groups.add(step.id);
      else if (run) {
        const running = this.#createStep(
          {
            stepId: step.id,
            name: step.name,
            worker: run.worker,
            timeoutMs: run.timeoutMs,
            startedMark: TimeMark.parse(JSON.parse(run.startedMark)),
            signalled: run.signalled,
          },
          storedResult(step),
        );
        this.#steps.set(step.id, {
          digest: step.commandSha256 ?? "",
          running,
          refused: new AbortController(),
        });
      }
    }
  }

  /** After a restart: looks after the steps that still run. */
  resume(): void {
    for (const { running } of this.#steps.values()) {
      if (!running.result) running.resume();
    }
  }

  /** Serves one run-step call. The same step id again attaches to that step. */
  async *run(
    request: RunStepRequest,
    frames: AsyncIterable<DuplexFrame<StepClientFrame>>,
    callSignal: AbortSignal,
  ): AsyncGenerator<StepServerFrame> {
    const digest = digestCommand(request);
    let entry = this.#steps.get(request.stepId);
    if (entry && entry.digest !== digest) {
      throw new DanubeError("idempotency_mismatch", `Step ${request.stepId} was begun with another command.`, {
        ids: this.#ids(request.stepId),
      });
    }
    const script = this.#buildScript(request);
    entry ??= await this.#begin(request, digest);
    const signal = AbortSignal.any([callSignal, entry.refused.signal]);
    yield* entry.running.serve({ script, capture: request.capture }, frames, signal);
  }

  /** Stores how a group begins or ends. */
  async reportGroup(report: GroupReport): Promise<void> {
    const { jobId, environment, mask } = this.#options;
    this.#checkParent(report.parentId);
    await environment.committer.commit((transaction, emit) => {
      const { created, step } = startStep(transaction, {
        id: report.stepId,
        jobId,
        parentId: report.parentId,
        kind: "group",
        name: mask(report.name),
        sequence: report.sequence,
        attempt: 1,
        soft: false,
      });
      if (created) emit({ type: "step", step });
      if (report.status === "running") return;
      const ended = finishStep(transaction, { stepId: report.stepId, status: report.status });
      if (ended.changed) emit({ type: "step", step: ended.step });
    });
    this.#groups.add(report.stepId);
  }

  /** Tells every command that runs to end. */
  tellToEnd(reason: SignalReason): void {
    for (const { running } of this.#steps.values()) void running.tellToEnd(reason);
  }

  /** Stops all timers. */
  release(): void {
    for (const { running } of this.#steps.values()) running.release();
  }

  #ids(stepId: string) {
    return { jobId: this.#options.jobId, stepId };
  }

  #checkParent(parentId: string | undefined): void {
    if (parentId === undefined || this.#groups.has(parentId)) return;
    throw new DanubeError("not_found", `This job has no group ${parentId}.`, { ids: this.#ids(parentId) });
  }

  #buildScript(request: RunStepRequest): Uint8Array {
    const { pipeline } = this.#options;
    const worker = this.#workerOf(request);
    const spec = worker === undefined ? pipeline.spec.worker : pipeline.spec.workers[worker];
    return buildStepScript({ command: request.command, env: { ...spec?.env, ...request.env }, cwd: request.cwd });
  }

  #workerOf({ worker, stepId }: RunStepRequest): string | undefined {
    const { pipeline } = this.#options;
    if (worker === undefined || Object.hasOwn(pipeline.spec.workers, worker)) return worker;
    if (worker === defaultWorkerName) return undefined;
    throw new DanubeError(
      "invalid_request",
      `There is no worker "${worker}": the pipeline has ${workerNames(pipeline).join(", ")}.`,
      { ids: this.#ids(stepId) },
    );
  }

  async #begin(request: RunStepRequest, digest: string): Promise<StepEntry> {
    const { environment, jobId, log, mask } = this.#options;
    this.#checkParent(request.parentId);
    const { sizeBytes } = await log();
    const known = this.#steps.get(request.stepId);
    if (known) return known;
    const worker = this.#workerOf(request);
    const startedMark = environment.stopwatch.mark();
    // The launch does not wait for this to be durable: it is idempotent by the step's id, and so is this.
    const stored = environment.committer.commit((transaction, emit) => {
      const { created, step } = startStep(transaction, {
        id: request.stepId,
        jobId,
        parentId: request.parentId,
        kind: "command",
        name: mask(request.name),
        sequence: request.sequence,
        attempt: request.attempt,
        soft: request.soft,
        commandSha256: digest,
        logOffsetStart: sizeBytes,
      });
      keepStepRun(transaction, {
        stepId: request.stepId,
        jobId,
        worker,
        timeoutMs: request.timeoutMs,
        startedMark: JSON.stringify(startedMark),
      });
      if (created) emit({ type: "step", step });
    });
    const { stepId, name, timeoutMs } = request;
    const running = this.#createStep({ stepId, name: mask(name), worker, timeoutMs, startedMark });
    const entry = { digest, running, refused: new AbortController() };
    this.#steps.set(stepId, entry);
    stored.catch((error: unknown) => this.#refuse(stepId, entry, error));
    // Asked for before the pipeline knew: it is one of the commands that were told to end.
    const ending = request.afterCancel ? undefined : this.#options.ending();
    if (ending !== undefined) void running.tellToEnd(ending);
    return entry;
  }

  #refuse(stepId: string, entry: StepEntry, error: unknown): void {
    const { environment, signal, onFailure } = this.#options;
    entry.running.release();
    entry.refused.abort(error);
    if (signal.aborted) return;
    environment.logger.warn("A step was not stored", { ...this.#ids(stepId), error });
    // What the Coordinator asked wrongly concerns its step alone; what we could not do ends the job.
    if (isDanubeError(error) && errorCodes[error.code].fault === "user") this.#steps.delete(stepId);
    else onFailure(`A step could not be stored: ${isDanubeError(error) ? error.message : "an error of ours."}`);
  }

  #createStep(description: RunningStep["description"], result?: StepResult): RunningStep {
    const { clock, stopwatch, timings, logger } = this.#options.environment;
    return new RunningStep(description, { host: this.#hostOf(), clock, stopwatch, timings, logger }, result);
  }

  #hostOf(): StepHost {
    const { environment, jobId, signal, log, ready, onFailure } = this.#options;
    const { committer, driver } = environment;
    return {
      jobId,
      signal,
      log,
      ready,
      exec: (worker, command) => driver.exec(jobId, worker, command),
      recordSignal: (stepId, reason) =>
        committer.commit((transaction) => markStepSignalled(transaction, { stepId, jobId }, reason), {
          essential: true,
        }),
      recordStart: (stepId, mark) => {
        committer
          .commit((transaction) => restartStepRun(transaction, { stepId, jobId }, JSON.stringify(mark)))
          .catch((error: unknown) =>
            environment.logger.warn("A step's start could not be stored", { ...this.#ids(stepId), error }),
          );
      },
      recordEnd: (stepId, outcome) => this.#recordEnd(stepId, outcome),
      fail: onFailure,
    };
  }

  async #recordEnd(stepId: string, { result, logOffsetEnd, reason }: StepOutcome): Promise<Step> {
    const { environment, jobId } = this.#options;
    const ended = await environment.committer.commit(
      (transaction, emit) => {
        // An id that stands for another job's step is refused when it is stored; until then nothing may end in its name.
        if (findStep(transaction, stepId)?.jobId !== jobId) {
          throw new DanubeError("idempotency_mismatch", "The step is not this job's.", { ids: { jobId, stepId } });
        }
        const { status, message, exitCode } = result;
        const finished = finishStep(transaction, { stepId, status, reason, message, exitCode, logOffsetEnd });
        if (finished.changed) emit({ type: "step", step: finished.step });
        return finished;
      },
      { essential: true },
    );
    if (!ended.changed) {
      throw new DanubeError("job_not_active", "The step has ended already, with its job.", { ids: { jobId, stepId } });
    }
    environment.metrics.stepDurationSeconds.observe(result.durationMs / 1_000);
    return ended.step;
  }
}

function storedResult(step: Step): StepResult | undefined {
  if (step.status === "running") return undefined;
  const durationMs = Date.parse(step.finishedAt ?? step.startedAt) - Date.parse(step.startedAt);
  return { status: step.status, exitCode: step.exitCode, durationMs: Math.max(0, durationMs), message: step.message };
}
