// How long a call may live: until its deadline, or until its caller gives up.
import type { Clock } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { CallOptions } from "./client-methods.ts";

export interface CallScope {
  /** Aborts with the caller's own reason, or with `deadline_exceeded`. */
  readonly signal: AbortSignal;
  /** Until the deadline; undefined if there is none. */
  remainingMs(): number | undefined;
  /** Ends the call now, unless it is over. */
  abort(reason: unknown): void;
  /** The call is over: forget timer and listener. */
  dispose(): void;
}

export function createCallScope(clock: Clock, { signal, deadlineMs }: CallOptions): CallScope {
  const abort = new AbortController();
  const onAbort = (): void => abort.abort(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const endsAtMs = deadlineMs === undefined ? undefined : clock.monotonicMs() + deadlineMs;
  const cancel =
    deadlineMs === undefined
      ? undefined
      : clock.setTimeout(() => abort.abort(deadlineExceeded(deadlineMs)), deadlineMs);
  return {
    signal: abort.signal,
    remainingMs: () => (endsAtMs === undefined ? undefined : Math.max(0, endsAtMs - clock.monotonicMs())),
    abort: (reason) => abort.abort(reason),
    dispose() {
      cancel?.();
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

function deadlineExceeded(deadlineMs: number): DanubeError {
  return new DanubeError("deadline_exceeded", `There was no answer within ${deadlineMs} ms.`);
}
