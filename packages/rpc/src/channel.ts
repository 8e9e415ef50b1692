/** A queue between one sender and one reader, with room for a few items. */
export interface Channel<T> {
  /** Resolves when there is room for the next item. Rejects with the error of `fail`; after `end` with a TypeError. */
  send(item: T): Promise<void>;
  /** No item follows: after what is queued the reader ends, or throws `error` if one is given. */
  end(error?: unknown): void;
  /** The reader throws `error` at once, and so does every send that waits or follows. Only the first counts. */
  fail(error: unknown): void;
  /** What was sent, in order. Leaving the loop does not end the channel. */
  items(): AsyncGenerator<T, void, undefined>;
}

export function createChannel<T>(capacity: number): Channel<T> {
  const queue: T[] = [];
  let ended: { readonly error?: unknown } | undefined;
  let failure: { readonly error: unknown } | undefined;
  let wakeReader = (): void => undefined;
  const wakeSenders: (() => void)[] = [];
  const check = (): void => {
    if (failure) throw failure.error;
  };
  const wakeAll = (): void => {
    wakeReader();
    for (const wake of wakeSenders.splice(0)) wake();
  };

  return {
    async send(item) {
      check();
      if (ended) throw new TypeError("Nothing can be sent after the end.");
      queue.push(item);
      wakeReader();
      while (queue.length >= capacity) {
        await new Promise<void>((resolve) => {
          wakeSenders.push(resolve);
        });
        check();
      }
    },
    end(error) {
      ended ??= { error };
      wakeReader();
    },
    fail(error) {
      failure ??= { error };
      wakeAll();
    },
    async *items() {
      for (;;) {
        check();
        if (queue.length > 0) {
          const item = queue.shift() as T;
          for (const wake of wakeSenders.splice(0)) wake();
          yield item;
        } else if (ended?.error !== undefined) throw ended.error;
        else if (ended) return;
        else
          await new Promise<void>((resolve) => {
            wakeReader = resolve;
          });
      }
    },
  };
}
