import { type Clock, delay, type Logger, systemClock } from "@danube/kit";
import { errorCodes, isDanubeError } from "@danube/protocol";
import { createBackoff } from "./backoff.ts";

export interface ResubscribeOptions {
  /** What is subscribed to, for the log. */
  readonly name: string;
  /** Ends it: the iteration then ends without an error. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** From 0 up to but not 1, for the pauses. */
  readonly random?: () => number;
}

/**
 * Opens a stream again and again, with growing pauses, whenever it breaks or ends. Throws only what no patience helps
 * against: an error whose fault is the caller's and that is not retryable, such as `unauthenticated`.
 */
export async function* resubscribe<E>(
  open: (signal: AbortSignal) => AsyncIterable<E>,
  { name, signal, logger, clock = systemClock, random }: ResubscribeOptions,
): AsyncGenerator<E, void, undefined> {
  const backoff = createBackoff({ random });
  while (!signal.aborted) {
    try {
      for await (const event of open(signal)) {
        backoff.reset();
        yield event;
      }
      logger.debug(`${name} ended; subscribing again`);
    } catch (error) {
      if (signal.aborted) return;
      if (isDanubeError(error) && errorCodes[error.code].fault === "user" && !error.retryable) throw error;
      logger.debug(`${name} broke; subscribing again`, { error });
    }
    try {
      await delay(clock, backoff.nextMs(), signal);
    } catch {
      return; // aborted, which is how it is meant to end
    }
  }
}
