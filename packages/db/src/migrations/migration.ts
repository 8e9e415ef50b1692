import type { Database } from "better-sqlite3";

/** One step of the schema. Once released it never changes; the next change is a new migration. */
export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
  readonly name: string;
  /** Runs inside the transaction of all migrations; must not begin or end one. */
  readonly apply: (sqlite: Database) => void;
}
