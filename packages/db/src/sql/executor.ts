// Runs compiled queries on a connection, synchronously, with each SQL text prepared once.
import type { Metrics } from "@danube/kit";
import type { Database, Statement } from "better-sqlite3";
import type { CompiledQuery } from "kysely";
import { fromSqliteError } from "./sqlite-error.ts";

/** What of the metrics the database counts. */
export type QueryMetrics = Pick<Metrics, "dbQueriesTotal" | "dbQueryDurationSeconds">;

export interface Executor {
  readonly all: <R>(query: CompiledQuery<R>) => R[];
  readonly first: <R>(query: CompiledQuery<R>) => R | undefined;
  readonly run: (query: CompiledQuery) => { readonly changes: number };
}

/** A text beyond these is prepared anew each time: queries of changing shape must not fill the memory. */
const maxStatements = 500;

/** Errors of SQLite come out as DanubeErrors (see sqlite-error.ts). */
export function createExecutor(sqlite: Database, metrics?: QueryMetrics): Executor {
  const statements = new Map<string, Statement>();

  const prepare = (text: string): Statement => {
    const known = statements.get(text);
    if (known) return known;
    const statement = sqlite.prepare(text);
    if (statements.size < maxStatements) statements.set(text, statement);
    return statement;
  };

  const measured = <T>(text: string, run: (statement: Statement) => T): T => {
    const startedMs = metrics ? performance.now() : 0;
    try {
      return run(prepare(text));
    } catch (error) {
      throw fromSqliteError(error);
    } finally {
      metrics?.dbQueriesTotal.increment();
      metrics?.dbQueryDurationSeconds.observe((performance.now() - startedMs) / 1_000);
    }
  };

  return {
    all: <R>(query: CompiledQuery<R>) => measured(query.sql, (statement) => statement.all(...query.parameters) as R[]),
    first: <R>(query: CompiledQuery<R>) =>
      measured(query.sql, (statement) => statement.get(...query.parameters) as R | undefined),
    run: (query) => measured(query.sql, (statement) => ({ changes: statement.run(...query.parameters).changes })),
  };
}
