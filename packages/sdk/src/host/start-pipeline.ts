// Runs a pipeline function with everything it is given, and decides how its job ended.
import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { JobOutcome } from "@danube/protocol";
import type { Context } from "../context.ts";
import type { Pipeline } from "../pipeline.ts";
import { createActivityTracker, describeLeftAlone } from "./activity.ts";
import { createCancellation } from "./cancellation.ts";
import { createStep } from "./create-step.ts";
import { createArtifacts, createSecrets } from "./create-storage.ts";
import type { StepExecutor } from "./executor.ts";
import { failureOutcome } from "./outcome.ts";
import type { RunScope } from "./run-scope.ts";
import { createSourceLocator } from "./source-location.ts";

export interface PipelineRunOptions {
  readonly pipeline: Pipeline;
  readonly context: Omit<Context, "signal">;
  /** The names of the pipeline's workers. */
  readonly workers: readonly string[];
  /** How long steps may still run after a cancellation. */
  readonly cancelGraceMs: number;
  readonly executor: StepExecutor;
  /** Makes the ids of steps and groups: UUIDv7s. */
  newId(): string;
  /** The directory of the user's files, with symbolic links resolved. Places in other files are not told. */
  readonly sourceRoot?: string;
  /** Tells the reader of the job's log something beyond the outcome, such as the stack of an error. Whole lines. */
  note(text: string): void;
  /** Milliseconds that never go back; by default this machine's. */
  readonly monotonicMs?: () => number;
  /** Waits between attempts; by default a timer. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

export interface PipelineRun {
  /** Never rejects. It does not wait for steps that the function left running. */
  readonly outcome: Promise<JobOutcome>;
  /** Tells the pipeline that its job is cancelled: aborts `ctx.signal`. Only the first call counts. */
  cancel(message: string): void;
  /** Ends the run from outside with a `pipeline_error`; what goes on in the function no longer counts. */
  fail(message: string): void;
}

export function startPipeline(options: PipelineRunOptions): PipelineRun {
  const cancellation = createCancellation({
    graceMs: options.cancelGraceMs,
    monotonicMs: options.monotonicMs ?? (() => performance.now()),
  });
  const locator = createSourceLocator(options.sourceRoot);
  const activities = createActivityTracker();
  const { promise, resolve } = Promise.withResolvers<JobOutcome>();
  let hasEnded = false;
  const end = (outcome: JobOutcome): void => {
    if (hasEnded) return;
    hasEnded = true;
    resolve(outcome);
  };
  let sequence = 0;
  const scope: RunScope = {
    executor: options.executor,
    cancellation,
    activities,
    locator,
    workers: options.workers,
    workspace: options.context.workspace,
    newId: () => options.newId(),
    nextSequence: () => ++sequence,
    sleep: options.sleep ?? ((ms, signal) => sleep(ms, undefined, { signal })),
    throwIfEnded() {
      if (hasEnded) throw new Error("The pipeline function has ended; nothing can be started any more.");
    },
    group: new AsyncLocalStorage(),
  };
  const api = Object.freeze({
    step: createStep(scope),
    ctx: Object.freeze({ ...options.context, signal: cancellation.signal }),
    secrets: createSecrets(scope),
    artifacts: createArtifacts(scope),
  });

  const run = async (): Promise<void> => {
    let leftAlone: string[] = [];
    try {
      await options.pipeline(api);
      // One turn more, so that a rejection that nobody handles is known before success is told.
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (hasEnded) return;
      leftAlone = activities.leftAlone().map(describeLeftAlone);
      if (cancellation.signal.aborted) return end({ status: "cancelled" });
      const [message, ...others] = leftAlone;
      if (message === undefined) return end({ status: "success" });
      for (const other of others) options.note(other);
      end({ status: "failure", reason: "pipeline_error", message });
    } catch (error) {
      if (hasEnded) return;
      for (const sentence of activities.leftAlone().map(describeLeftAlone)) options.note(sentence);
      if (cancellation.signal.aborted) return end({ status: "cancelled" });
      const outcome = failureOutcome(error, locator);
      const stack = outcome.reason === "pipeline_error" ? locator.stackOf(error) : undefined;
      if (stack !== undefined) options.note(stack);
      end(outcome);
    }
  };
  void run();
  return {
    outcome: promise,
    cancel: (message) => cancellation.cancel(message),
    fail: (message) => end({ status: "failure", reason: "pipeline_error", message }),
  };
}
