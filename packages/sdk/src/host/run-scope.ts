// What the parts of one running pipeline share.
import type { AsyncLocalStorage } from "node:async_hooks";
import type { ActivityTracker } from "./activity.ts";
import type { Cancellation } from "./cancellation.ts";
import type { StepExecutor } from "./executor.ts";
import type { SourceLocator } from "./source-location.ts";

export interface RunScope {
  readonly executor: StepExecutor;
  readonly cancellation: Cancellation;
  readonly activities: ActivityTracker;
  readonly locator: SourceLocator;
  readonly workers: readonly string[];
  readonly workspace: string;
  newId(): string;
  /** The next place in the order of steps and groups, from 1. */
  nextSequence(): number;
  /** Waits; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<unknown>;
  /** Throws once the pipeline function has ended: what it left behind must not start anything more. */
  throwIfEnded(): void;
  /** The id of the group that the calling code runs in. */
  readonly group: AsyncLocalStorage<string>;
}
