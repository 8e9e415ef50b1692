// What a running step needs of its job.
import type { Step, StepResult } from "@danube/protocol";
import type { JobLogWriter } from "@danube/logs";
import type { TimeMark } from "../jobs/stopwatch.ts";
import type { LauncherCommand, StepProbe } from "@danube/runtime";

export type SignalReason = "timeout" | "cancelled";

/** How a step ended, for its row. */
export interface StepOutcome {
  readonly result: StepResult;
  readonly logOffsetEnd: number;
  readonly reason?: "oom_killed";
}

export interface StepHost {
  readonly jobId: string;
  /** Aborts when the job is over, or this process ends. */
  readonly signal: AbortSignal;
  /** The job's log, open for writing. */
  log(): Promise<JobLogWriter>;
  /** Resolves when commands can be launched. */
  readonly ready: Promise<void>;
  /** Asks the launcher of the step's worker. */
  exec(worker: string | undefined, command: LauncherCommand): Promise<StepProbe>;
  /** Stores that the step was told to end. Durable when it resolves. */
  recordSignal(stepId: string, reason: SignalReason): Promise<void>;
  /** Stores from when the step's time counts. */
  recordStart(stepId: string, mark: TimeMark): void;
  /** Stores how the step ended. Durable when it resolves; rejects when the job ended first. */
  recordEnd(stepId: string, outcome: StepOutcome): Promise<Step>;
  /** The step can't end well any more, and the job with it: no exit status was recorded, or its log can't be written. */
  fail(message: string): void;
}
