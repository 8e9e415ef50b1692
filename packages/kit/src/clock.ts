// Time as an argument, so that tests decide what time it is.

/** Calls off what was planned; calling it again, or too late, does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** The wall clock. It may jump either way: never measure a duration with it. */
  now(): Date;
  /** Milliseconds since some fixed point; never goes back. */
  monotonicMs(): number;
  /**
   * Calls `run` once, no earlier than `ms` milliseconds from now. The process stays alive for it, unless it is `background`:
   * work that only accompanies other work.
   */
  setTimeout(run: () => void, ms: number, options?: { readonly background?: boolean }): Cancel;
}

/** Node's own timers overflow beyond this and would fire at once. */
const longestTimerMs = 2_147_483_647;

/** This machine's clock. */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  setTimeout(run, ms, { background = false } = {}) {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), longestTimerMs));
    if (background) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms` milliseconds, or rejects with the signal's reason as soon as it aborts. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** The time now as the protocol writes it: UTC, ISO 8601, milliseconds, a trailing `Z`. */
export function now(clock: Clock = systemClock): string {
  return clock.now().toISOString();
}
