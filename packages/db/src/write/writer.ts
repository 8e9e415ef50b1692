// The one writer of a data directory.
import type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";

export interface TransactionOptions {
  /**
   * Goes through on a full disk as well, with the ballast's room: for what ends jobs, deletes, or frees room otherwise. Never
   * for intake.
   */
  readonly essential?: boolean;
}

export interface StorageState {
  /** The disk was full and there still is not room enough: only essential transactions are done. */
  readonly full: boolean;
  readonly freeBytes: number;
}

/**
 * The one writer of a data directory.
 *
 * 1. Transactions run one after another in the order of their calls; each sees what the ones before it wrote.
 * 2. Those called in one turn of the event loop share one commit. One that throws is undone alone.
 * 3. The promise resolves once the commit is on the disk. When it rejects, nothing of the transaction has been stored.
 */
export interface Writer {
  /**
   * Runs `work` in a transaction and resolves to what it returned. `work` must not return a promise (TypeError), keep the
   * transaction, or have effects outside it, for it may be undone. Rejects with what `work` threw; with `storage_full` when
   * the disk is full; with `draining` after `close`; with `corrupt` when the database turns out to be damaged.
   */
  readonly transaction: <T>(work: (transaction: WriteTransaction) => T, options?: TransactionOptions) => Promise<T>;
  /** Reads at once, on the writer's own connection, all that was committed before. */
  readonly read: <T>(work: (transaction: ReadTransaction) => T) => T;
  /** Moves what the write-ahead log holds into the database file and truncates the log, as far as readers allow. */
  readonly checkpoint: () => void;
  /** Writes a consistent copy of the database to `file`, which must not exist. The copy appears whole or not at all. */
  readonly backup: (file: string) => void;
  /** Looks at the disk; makes the ballast again and leaves the full state when there is room. Cheap enough for a health check. */
  readonly checkStorage: () => StorageState;
  /** Waits for what was called before, checkpoints, closes and gives the lock up. May be called again. */
  readonly close: () => Promise<void>;
}
