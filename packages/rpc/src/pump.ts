import { raceAbort } from "./race-abort.ts";

export interface PumpCall {
  readonly signal: AbortSignal;
  /** Told of work that goes on though nobody waits for it any more. */
  readonly track: (work: Promise<unknown>) => void;
}

/**
 * Hands each item of `source` to `write` and waits for it before it asks for the next. When the call aborts, or `write`
 * fails, the source is told to finish (its `return`), which it can do in its own time.
 */
export async function pump<T>(
  source: AsyncIterable<T>,
  { signal, track }: PumpCall,
  write: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const result = await raceAbort(nextOf(iterator), signal);
      if (result.done) break;
      await raceAbort(write(result.value), signal);
    }
    finished = true;
  } finally {
    // A source that threw is done already: its `return` then does nothing.
    if (!finished && iterator.return) track(returned(iterator));
  }
}

async function returned(iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // Nobody is left to tell: the call has failed already, for the reason that made it finish early.
  }
}

async function nextOf<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  return iterator.next();
}
