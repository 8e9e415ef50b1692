import { join } from "node:path";
import type { Metrics } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import Sqlite from "better-sqlite3";
import { migrations } from "../migrations/migrations.ts";
import { readSchemaVersion, refuseNewerSchema } from "../migrations/schema-version.ts";
import { databaseFileName, openReadConnection } from "../sql/connection.ts";
import { createExecutor } from "../sql/executor.ts";
import { fromSqliteError } from "../sql/sqlite-error.ts";
import type { ReadTransaction } from "../sql/transaction.ts";

/** A connection that can't write, beside the writer, in its process or another. */
export interface Reader {
  /** Runs `work` at once, on one consistent state: all that was committed before, and nothing that comes meanwhile. */
  readonly read: <T>(work: (transaction: ReadTransaction) => T) => T;
  readonly close: () => void;
}

export interface OpenReaderOptions {
  readonly dataDirectory: string;
  readonly metrics?: Pick<Metrics, "dbQueriesTotal" | "dbQueryDurationSeconds">;
}

/**
 * Opens the database for reading. Throws `unavailable` as long as no writer has made it or brought it to this program's
 * schema, and `schema_too_new` when a newer program has.
 */
export function openReader({ dataDirectory, metrics }: OpenReaderOptions): Reader {
  const sqlite = openCurrent(join(dataDirectory, databaseFileName));
  const executor = createExecutor(sqlite, metrics);
  const begin = sqlite.prepare("BEGIN");
  const commit = sqlite.prepare("COMMIT");
  return {
    read(work) {
      begin.run();
      try {
        return work({ all: executor.all, first: executor.first });
      } finally {
        if (sqlite.inTransaction) commit.run();
      }
    },
    close() {
      sqlite.close();
    },
  };
}

function openCurrent(file: string) {
  const sqlite = openFile(file);
  try {
    const known = migrations.at(-1)?.version ?? 0;
    const stored = readSchemaVersion(sqlite);
    refuseNewerSchema(stored, known);
    if (stored === known) return sqlite;
    throw new DanubeError(
      "unavailable",
      `The database has schema ${stored}; its writer must bring it to ${known} first.`,
    );
  } catch (error) {
    sqlite.close();
    throw fromSqliteError(error);
  }
}

function openFile(file: string) {
  try {
    return openReadConnection(file);
  } catch (error) {
    if (!(error instanceof Sqlite.SqliteError) || error.code !== "SQLITE_CANTOPEN") throw fromSqliteError(error);
    throw new DanubeError("unavailable", `There is no database at ${file} yet; its writer makes it.`, { cause: error });
  }
}
