// Commits, and tells what changed once it is durable: the one way in which this process writes.
import type { TransactionOptions, Writer, WriteTransaction } from "@danube/db/write";
import type { Change } from "@danube/protocol";
import type { ChangeFeed } from "./change-feed.ts";

export type Emit = (change: Change) => void;

export interface Committer {
  /** Runs `work` in a transaction; what it emits is told to all watchers after the commit, in the order of commits. */
  commit<T>(work: (transaction: WriteTransaction, emit: Emit) => T, options?: TransactionOptions): Promise<T>;
}

/** `onChange` hears of each durable change before the watchers do. */
export function createCommitter(
  writer: Pick<Writer, "transaction">,
  feed: Pick<ChangeFeed, "publish">,
  onChange: (change: Change) => void,
): Committer {
  return {
    async commit(work, options) {
      let changes: Change[] = [];
      const result = await writer.transaction((transaction) => {
        changes = [];
        return work(transaction, (change) => changes.push(change));
      }, options);
      for (const change of changes) onChange(change);
      feed.publish(changes);
      return result;
    },
  };
}
