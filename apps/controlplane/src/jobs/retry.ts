// Doing again what may work later.
import { type Clock, delay } from "@danube/kit";
import { isDanubeError } from "@danube/protocol";

export interface RetryOptions {
  readonly clock: Clock;
  readonly firstMs: number;
  readonly longestMs: number;
  /** Ends the waiting: rejects with its reason. */
  readonly signal: AbortSignal;
  /** Called before each pause. */
  readonly onFailure?: (error: unknown, failures: number) => void;
  /** Whether an error may pass. By default what says so itself. */
  readonly isRetryable?: (error: unknown) => boolean;
}

/** Calls `run` until it succeeds, with pauses that double. Rejects with the first error that will not pass. */
export async function retry<T>(run: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, signal, isRetryable = mayPass } = options;
  let pauseMs = options.firstMs;
  for (let failures = 1; ; failures += 1) {
    signal.throwIfAborted();
    try {
      return await run();
    } catch (error) {
      if (!isRetryable(error)) throw error;
      options.onFailure?.(error, failures);
      await delay(clock, pauseMs, signal);
      pauseMs = Math.min(pauseMs * 2, options.longestMs);
    }
  }
}

function mayPass(error: unknown): boolean {
  return isDanubeError(error) && error.retryable;
}
