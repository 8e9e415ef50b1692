// What repositories are given. Everything is synchronous: a transaction never waits for anything but the disk.
import type { CompiledQuery } from "kysely";

/** Reads one consistent state of the database. Not to be used after the function it was given to has returned. */
export interface ReadTransaction {
  /** Every row of the answer. */
  all<R>(query: CompiledQuery<R>): R[];
  /** The first row, or undefined if there is none. */
  first<R>(query: CompiledQuery<R>): R | undefined;
}

export interface WriteTransaction extends ReadTransaction {
  /** Runs a statement for its effect, and tells how many rows it changed itself (not through triggers or cascades). */
  run(query: CompiledQuery): { readonly changes: number };
  /** The time of this transaction, one for all that it writes. */
  readonly now: string;
}
