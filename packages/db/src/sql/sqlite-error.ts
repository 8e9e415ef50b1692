import { DanubeError } from "@danube/protocol";
import Sqlite from "better-sqlite3";

/**
 * The DanubeError that an error of SQLite means, with the original as its cause; every other error as it is. SQLite's own
 * messages name tables and columns, never values, so they may be passed on.
 */
export function fromSqliteError(error: unknown): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  const options = { cause: error };
  if (isStorageError(error.code)) {
    return new DanubeError("storage_full", "The disk that holds the database is full or can't be written.", options);
  }
  if (error.code.startsWith("SQLITE_CORRUPT") || error.code === "SQLITE_NOTADB") {
    return new DanubeError("corrupt", `The database is damaged: ${error.message}.`, options);
  }
  if (error.code.startsWith("SQLITE_BUSY")) {
    return new DanubeError("unavailable", "The database is busy with another process.", options);
  }
  switch (error.code) {
    case "SQLITE_CONSTRAINT_UNIQUE":
    case "SQLITE_CONSTRAINT_PRIMARYKEY":
      return new DanubeError("conflict", `Something like it is stored already: ${error.message}.`, options);
    case "SQLITE_CONSTRAINT_FOREIGNKEY":
      return new DanubeError("not_found", "It refers to something that is not stored.", options);
    case "SQLITE_CONSTRAINT_TRIGGER":
      return new DanubeError("conflict", `The database refuses that: ${error.message}.`, options);
    default:
      return error;
  }
}

/** What a full or failing disk looks like. Source: https://sqlite.org/rescode.html */
function isStorageError(code: string): boolean {
  switch (code) {
    case "SQLITE_FULL":
    case "SQLITE_IOERR_WRITE":
    case "SQLITE_IOERR_FSYNC":
    case "SQLITE_IOERR_DIR_FSYNC":
    case "SQLITE_IOERR_TRUNCATE":
    case "SQLITE_IOERR_SHMSIZE":
    case "SQLITE_IOERR_SHMMAP":
    case "SQLITE_IOERR_DELETE":
      return true;
    default:
      return false;
  }
}
