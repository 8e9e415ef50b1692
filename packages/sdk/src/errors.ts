// What `await step.…` can throw. Small on purpose: this file is part of what pipeline files import.

/**
 * How a step did not succeed. `failure`: its command ended with another exit code than 0. `timeout`: it took longer than it
 * may. `lost`: no exit status was recorded, for instance because its machine died; that is never taken for success.
 */
export type StepFailureStatus = "failure" | "timeout" | "lost";

export interface StepErrorDetails {
  readonly stepId: string;
  readonly stepName: string;
  readonly command: string;
  readonly status: StepFailureStatus;
  readonly exitCode?: number;
  readonly durationMs: number;
  readonly attempt: number;
  readonly location?: string;
  readonly stdout?: string;
}

/** A step did not succeed. Left uncaught it ends the pipeline, and the job fails with its message. */
export class StepError extends Error {
  override readonly name = "StepError";
  /** The step's id, as in the API and in the log. */
  readonly stepId: string;
  readonly stepName: string;
  /** The command as text; the words of an `argv` are quoted. */
  readonly command: string;
  readonly status: StepFailureStatus;
  /** 128 + n stands for signal n. Absent when none was recorded. */
  readonly exitCode: number | undefined;
  readonly durationMs: number;
  /** Which attempt this was; with `retry` the last one. */
  readonly attempt: number;
  /** The place in the pipeline's files that started the step, such as `danubefile.ts:12`. */
  readonly location: string | undefined;
  /** What the command wrote to standard output, if it was captured. */
  readonly stdout: string | undefined;

  constructor(message: string, details: StepErrorDetails) {
    super(message);
    this.stepId = details.stepId;
    this.stepName = details.stepName;
    this.command = details.command;
    this.status = details.status;
    this.exitCode = details.exitCode;
    this.durationMs = details.durationMs;
    this.attempt = details.attempt;
    this.location = details.location;
    this.stdout = details.stdout;
  }
}

/** Several functions of one `step.parallel` failed. `errors` holds all their errors as they came; `cause` is the first. */
export class ParallelError extends AggregateError {
  override readonly name = "ParallelError";

  constructor(message: string, errors: readonly unknown[]) {
    super(errors, message, { cause: errors[0] });
  }
}

/** The job was cancelled. Steps that were running reject with it once they have ended; `ctx.signal` has it as its reason. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
}
