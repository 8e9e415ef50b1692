import { type Clock, delay } from "@danube/kit";
import { DanubeError, isDanubeError } from "@danube/protocol";
import { type Backoff, createBackoff } from "./backoff.ts";
import { type CallScope, createCallScope } from "./call-scope.ts";
import type { CallOptions } from "./client-methods.ts";

export interface RetryOptions {
  readonly scope: CallScope;
  readonly clock: Clock;
  readonly backoff: Backoff;
}

/**
 * Tries until it succeeds, fails with an error that is not retryable, or runs out of time. When there is no time for one
 * more try the last error is thrown; when the time ends during a try, `deadline_exceeded` with the last error as its cause.
 */
export async function retry<T>(attempt: () => Promise<T>, { scope, clock, backoff }: RetryOptions): Promise<T> {
  let last: unknown;
  for (;;) {
    try {
      scope.signal.throwIfAborted();
      return await attempt();
    } catch (error) {
      if (scope.signal.aborted) throw reasonWithCause(scope.signal, last);
      if (!isDanubeError(error) || !error.retryable) throw error;
      last = error;
    }
    const pauseMs = backoff.nextMs();
    if (pauseMs >= (scope.remainingMs() ?? Number.POSITIVE_INFINITY)) throw last;
    try {
      await delay(clock, pauseMs, scope.signal);
    } catch {
      throw reasonWithCause(scope.signal, last);
    }
  }
}

/** A call that is over when `run` has succeeded: `retry` within a scope of its own. */
export async function callWithRetries<T>(
  clock: Clock,
  options: CallOptions,
  run: (scope: CallScope) => Promise<T>,
): Promise<T> {
  const scope = createCallScope(clock, options);
  try {
    return await retry(() => run(scope), { scope, clock, backoff: createBackoff() });
  } finally {
    scope.dispose();
  }
}

function reasonWithCause(signal: AbortSignal, cause: unknown): unknown {
  const { reason } = signal;
  if (cause === undefined || !isDanubeError(reason, "deadline_exceeded")) return reason;
  const words = cause instanceof Error ? ` Before: ${cause.message}` : "";
  return new DanubeError("deadline_exceeded", `${reason.message}${words}`, { cause });
}
