// Growing pauses between tries, with chance in them, so that many callers do not come back all at once.

export interface Backoff {
  /** How long to pause before the next try, in milliseconds. */
  nextMs(): number;
  /** Begins anew with short pauses, after a success. */
  reset(): void;
}

export interface BackoffOptions {
  /** From 0 up to but not 1. */
  readonly random?: () => number;
  readonly initialMs?: number;
  readonly maxMs?: number;
}

/** Pauses of 25 ms, doubled each time up to 5 s; of each pause the second half is left to chance. */
export function createBackoff({ random = Math.random, initialMs = 25, maxMs = 5_000 }: BackoffOptions = {}): Backoff {
  let fullMs = initialMs;
  return {
    nextMs() {
      const pauseMs = fullMs / 2 + (random() * fullMs) / 2;
      fullMs = Math.min(fullMs * 2, maxMs);
      return pauseMs;
    },
    reset() {
      fullMs = initialMs;
    },
  };
}
