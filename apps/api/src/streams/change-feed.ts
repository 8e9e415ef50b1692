// The writer's changes, once for the whole process, handed to whoever listens here.
import type { Change } from "@danube/protocol";
import { type Clock, delay, type Logger } from "@danube/kit";

export interface ChangeSource {
  /** Every change from now on, beginning with `reset`. Ends or throws when the connection is lost, or when `signal` aborts. */
  watch(signal: AbortSignal): AsyncIterable<Change>;
}

/** Called in the order of the changes, and never while another listener is called for a later one. Must not throw. */
export type ChangeListener = (change: Change) => void;

export interface ChangeFeed {
  /** Listens from now on. Returns a function that ends it. */
  subscribe(listener: ChangeListener): () => void;
  start(): void;
  /** Resolves when no listener will be called any more. */
  stop(): Promise<void>;
}

const firstDelayMs = 50;
const longestDelayMs = 5_000;

/** Follows `source` for ever, opening it again after each loss; a `reset` tells the listeners of every such gap. */
export function createChangeFeed({
  source,
  clock,
  logger,
}: {
  readonly source: ChangeSource;
  readonly clock: Clock;
  readonly logger: Logger;
}): ChangeFeed {
  const listeners = new Set<ChangeListener>();
  const ending = new AbortController();
  let running: Promise<void> | undefined;

  const publish = (change: Change): void => {
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (error) {
        logger.error("A listener to changes failed", { error });
      }
    }
  };
  const follow = async (): Promise<void> => {
    let delayMs = firstDelayMs;
    while (!ending.signal.aborted) {
      try {
        for await (const change of source.watch(ending.signal)) {
          delayMs = firstDelayMs;
          publish(change);
        }
      } catch (error) {
        if (!ending.signal.aborted) logger.warn("The stream of changes broke and is opened again", { error });
      }
      if (ending.signal.aborted) return;
      // Whatever was committed meanwhile is not told again: whoever listens has to look it up.
      publish({ type: "reset" });
      await delay(clock, delayMs, ending.signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, longestDelayMs);
    }
  };

  return {
    subscribe(listener) {
      // A function of its own, so that the same listener given twice counts twice.
      const own: ChangeListener = (change) => listener(change);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    start() {
      running ??= follow();
    },
    async stop() {
      ending.abort();
      await running;
    },
  };
}
