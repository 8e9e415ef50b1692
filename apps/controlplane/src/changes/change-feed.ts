// Tells every watcher what changed, in the order of the commits. A watcher that is too slow loses its queue and gets a
// `reset` instead: it never makes the others wait, and never holds more than its share of memory.
import type { Change } from "@danube/protocol";
import type { Clock } from "@danube/kit";

export interface ChangeFeed {
  /** Tells `changes` to everybody. Only for what is durable, and in the order in which it became so. */
  publish(changes: readonly Change[]): void;
  /** Everything from now on, beginning with `reset`. Ends when `signal` aborts or the feed closes. */
  watch(signal: AbortSignal): AsyncIterable<Change>;
  /** How many watch now. */
  watchers(): number;
  /** Ends all watching; nothing is told any more. */
  close(): void;
}

export interface ChangeFeedOptions {
  readonly clock: Clock;
  /** How many changes wait for one watcher at most. */
  readonly maxQueued?: number;
  readonly heartbeatMs?: number;
}

export function createChangeFeed({ clock, maxQueued = 1_000, heartbeatMs = 15_000 }: ChangeFeedOptions): ChangeFeed {
  const watchers = new Set<Watcher>();
  let closed = false;
  return {
    publish(changes) {
      for (const watcher of watchers) {
        for (const change of changes) watcher.push(change);
      }
    },
    async *watch(signal) {
      if (closed || signal.aborted) return;
      const watcher = new Watcher(maxQueued);
      const stop = () => watcher.close();
      signal.addEventListener("abort", stop, { once: true });
      watchers.add(watcher);
      let cancelHeartbeat = () => {};
      const beat = () => {
        cancelHeartbeat = clock.setTimeout(() => {
          watcher.push({ type: "heartbeat" });
          beat();
        }, heartbeatMs);
      };
      beat();
      try {
        yield* watcher.changes();
      } finally {
        cancelHeartbeat();
        watchers.delete(watcher);
        signal.removeEventListener("abort", stop);
      }
    },
    watchers: () => watchers.size,
    close() {
      closed = true;
      for (const watcher of watchers) watcher.close();
    },
  };
}

class Watcher {
  readonly #maxQueued: number;
  #queue: Change[] = [{ type: "reset" }];
  /** Where in the queue a growing log stands: its size is brought up to date there instead of being told again. */
  #logs = new Map<string, number>();
  #closed = false;
  #wake: () => void = () => {};

  constructor(maxQueued: number) {
    this.#maxQueued = maxQueued;
  }

  push(change: Change): void {
    if (this.#closed) return;
    if (this.#queue[0]?.type === "reset") {
      // It will look everything up after the reset: what happened before it gets there needs no telling.
      return;
    }
    if (change.type === "heartbeat" && this.#queue.length > 0) return;
    if (change.type === "log" && !change.closed) {
      const at = this.#logs.get(change.jobId);
      if (at !== undefined) {
        this.#queue[at] = change;
        return;
      }
      this.#logs.set(change.jobId, this.#queue.length);
    }
    if (this.#queue.length >= this.#maxQueued) {
      this.#queue = [{ type: "reset" }];
      this.#logs.clear();
    } else {
      this.#queue.push(change);
    }
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async *changes(): AsyncGenerator<Change> {
    while (!this.#closed) {
      const batch = this.#queue;
      this.#queue = [];
      this.#logs.clear();
      for (const change of batch) {
        if (this.#closed) return;
        yield change;
      }
      if (this.#queue.length > 0 || this.#closed) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
