// What a cancellation does to a pipeline: the signal aborts, steps that were running reject when their end is known, and
// steps started from then on (by `finally` blocks) share what is left of the grace.
import { CancelledError } from "../errors.ts";

export interface Cancellation {
  /** Aborts with a CancelledError. */
  readonly signal: AbortSignal;
  /** Begins the cancellation; only the first call counts. */
  cancel(message: string): void;
  /** Throws the CancelledError if there was a cancellation. */
  throwIfCancelled(): void;
  /** How many milliseconds a step may take that starts now: undefined before a cancellation, 0 when nothing is left. */
  remainingMs(): number | undefined;
}

export function createCancellation(options: { graceMs: number; monotonicMs: () => number }): Cancellation {
  const controller = new AbortController();
  let deadlineMs = 0;
  return {
    signal: controller.signal,
    cancel(message) {
      if (controller.signal.aborted) return;
      deadlineMs = options.monotonicMs() + options.graceMs;
      controller.abort(new CancelledError(message));
    },
    throwIfCancelled() {
      controller.signal.throwIfAborted();
    },
    remainingMs() {
      if (!controller.signal.aborted) return undefined;
      return Math.max(0, Math.floor(deadlineMs - options.monotonicMs()));
    },
  };
}
