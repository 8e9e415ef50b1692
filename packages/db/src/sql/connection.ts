import Sqlite, { type Database } from "better-sqlite3";

/** The database's file within the data directory. */
export const databaseFileName = "danube.db";

/** How long a statement waits for a lock of another process, such as a reader's that recovers the log. */
const busyTimeoutMs = 5_000;

/** Opens the writer's connection; the file is made if there is none. */
export function openWriteConnection(file: string): Database {
  const sqlite = new Sqlite(file, { timeout: busyTimeoutMs });
  try {
    sqlite.pragma("journal_mode = WAL");
    // FULL syncs the log at each commit: what was acknowledged survives a power failure.
    sqlite.pragma("synchronous = FULL");
    sqlite.pragma("foreign_keys = ON");
    // Without it a REPLACE would get round the triggers that guard rows against deletion.
    sqlite.pragma("recursive_triggers = ON");
    sqlite.pragma("trusted_schema = OFF");
    sqlite.pragma("cell_size_check = ON");
    sqlite.pragma("temp_store = MEMORY");
    sqlite.pragma("journal_size_limit = 67108864");
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

/** Opens a connection that can't write. Works beside the writer, in this process and in others. The file must exist. */
export function openReadConnection(file: string): Database {
  const sqlite = new Sqlite(file, { readonly: true, fileMustExist: true, timeout: busyTimeoutMs });
  try {
    sqlite.pragma("query_only = ON");
    sqlite.pragma("trusted_schema = OFF");
    sqlite.pragma("temp_store = MEMORY");
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}
