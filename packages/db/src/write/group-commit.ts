// Many transactions, one commit: a commit costs a write to the disk, whatever is in it.
//
// Transactions wait until a turn of the event loop brought no further one, 2 ms at the most, then run in one SQLite
// transaction, each in a savepoint of its own. So a lone one is committed at once, and those of many requests that came
// together, or while the commit before blocked, share one.
import { isDanubeError } from "@danube/protocol";
import Sqlite, { type Database } from "better-sqlite3";
import type { Executor } from "../sql/executor.ts";
import { fromSqliteError } from "../sql/sqlite-error.ts";
import type { WriteTransaction } from "../sql/transaction.ts";

/** How long one commit may gather transactions before others get their turn of the event loop. */
const batchBudgetMs = 10;
/** How long transactions that keep coming are waited for: less than a commit costs on most disks. */
const gatherMs = 2;

export interface GroupCommit {
  /** See Writer.transaction. `admit` is asked right before the work runs, and throws if it may not. */
  add<T>(work: (transaction: WriteTransaction) => T, admit: () => void): Promise<T>;
  /** Runs all that waits, now. */
  flush(): void;
}

export interface GroupCommitOptions {
  readonly sqlite: Database;
  readonly executor: Executor;
  readonly now: () => string;
  readonly monotonicMs: () => number;
  readonly onQueue: (length: number) => void;
  /** A transaction or a commit failed for want of room; its promises reject after this. */
  readonly onStorageFull: () => void;
}

interface Entry {
  readonly work: (transaction: WriteTransaction) => unknown;
  readonly admit: () => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}
type Outcome = { readonly entry: Entry } & ({ readonly value: unknown } | { readonly error: unknown });

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { sqlite, executor } = options;
  const statement = (text: string) => sqlite.prepare(text);
  const begin = statement("BEGIN IMMEDIATE");
  const commit = statement("COMMIT");
  const rollback = statement("ROLLBACK");
  const savepoint = statement("SAVEPOINT one");
  const release = statement("RELEASE one");
  const rollbackToSavepoint = statement("ROLLBACK TO one");

  let queue: Entry[] = [];
  let scheduled = false;

  const schedule = (): void => {
    if (scheduled || queue.length === 0) return;
    scheduled = true;
    const untilMs = options.monotonicMs() + gatherMs;
    // One at the first turn is a lone one; two may be the first of many.
    let seen = 1;
    const gather = (): void => {
      if (queue.length > seen && options.monotonicMs() < untilMs) {
        seen = queue.length;
        setImmediate(gather);
        return;
      }
      scheduled = false;
      runBatch(options.monotonicMs() + batchBudgetMs);
    };
    setImmediate(gather);
  };

  const runBatch = (untilMs: number): void => {
    const entries = queue;
    queue = [];
    let outcomes: Outcome[] = [];
    let begun = 0;
    try {
      begin.run();
      for (const entry of entries) {
        begun += 1;
        outcomes.push(runOne(entry));
        if (options.monotonicMs() >= untilMs) break;
      }
      commit.run();
    } catch (thrown) {
      // None of the batch is stored. What did not run yet gets its turn; what ran must not run twice.
      if (sqlite.inTransaction) rollback.run();
      const error = fromSqliteError(thrown);
      begun = Math.max(begun, 1);
      outcomes = entries.slice(0, begun).map((entry) => ({ entry, error }));
      if (isStorageFull(error)) options.onStorageFull();
    }
    queue = [...entries.slice(begun), ...queue];
    options.onQueue(queue.length);
    schedule();
    for (const outcome of outcomes) settle(outcome);
  };

  /** Runs one transaction of a batch. Throws only what has undone the whole batch. */
  const runOne = (entry: Entry): Outcome => {
    try {
      entry.admit();
    } catch (error) {
      return { entry, error };
    }
    savepoint.run();
    const transaction = createTransaction(sqlite, executor, options.now());
    try {
      const value = entry.work(transaction.handle);
      if (isThenable(value)) throw new TypeError("The work of a transaction must not return a promise.");
      if (!sqlite.inTransaction) throw new TypeError("The work of a transaction went on after its failure.");
      release.run();
      return { entry, value };
    } catch (error) {
      // On a full disk SQLite undoes everything since BEGIN, not only the statement that failed.
      if (!sqlite.inTransaction) throw transaction.failure() ?? error;
      rollbackToSavepoint.run();
      release.run();
      return { entry, error };
    } finally {
      transaction.end();
    }
  };

  return {
    add: <T>(work: (transaction: WriteTransaction) => T, admit: () => void) =>
      new Promise<T>((resolve, reject) => {
        queue.push({ work, admit, resolve: resolve as (value: unknown) => void, reject });
        options.onQueue(queue.length);
        schedule();
      }),
    flush: () => {
      while (queue.length > 0) runBatch(Number.POSITIVE_INFINITY);
    },
  };
}

function settle(outcome: Outcome): void {
  if ("error" in outcome) outcome.entry.reject(outcome.error);
  else outcome.entry.resolve(outcome.value);
}

/**
 * A handle that works until `end`: one that was kept must not write outside its transaction. `failure` is what SQLite said
 * when it gave the whole transaction up, whatever the work made of it.
 */
function createTransaction(
  sqlite: Database,
  executor: Executor,
  now: string,
): { readonly handle: WriteTransaction; readonly end: () => void; readonly failure: () => unknown } {
  let ended = false;
  let failure: unknown;
  const guarded = <T>(run: () => T): T => {
    if (ended || !sqlite.inTransaction) throw new TypeError("This transaction has ended.");
    try {
      return run();
    } catch (error) {
      if (!sqlite.inTransaction) failure = error;
      throw error;
    }
  };
  return {
    end: () => {
      ended = true;
    },
    failure: () => failure,
    handle: {
      now,
      all: (query) => guarded(() => executor.all(query)),
      first: (query) => guarded(() => executor.first(query)),
      run: (query) => guarded(() => executor.run(query)),
    },
  };
}

function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Whether it is SQLite that says so, and not the work on its own account. */
function isStorageFull(error: unknown): boolean {
  return isDanubeError(error, "storage_full") && error.cause instanceof Sqlite.SqliteError;
}
