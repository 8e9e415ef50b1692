import type { Clock, Logger } from "@danube/kit";

export interface ResubscribeOptions {
  /** What is subscribed to, for the log. */
  readonly name: string;
  /** Ends it: the iteration then ends without an error. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/**
 * Opens a stream again and again, with growing pauses, whenever it breaks or ends. Throws only what no patience helps
 * against: an error whose fault is the caller's, such as `unauthenticated`.
 */
export declare function resubscribe<E>(
  open: (signal: AbortSignal) => AsyncIterable<E>,
  options: ResubscribeOptions,
): AsyncIterable<E>;
