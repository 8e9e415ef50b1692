// A damaged database is refused, not served.
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { DanubeError, isDanubeError } from "@danube/protocol";
import type { Database } from "better-sqlite3";
import { fromSqliteError } from "../sql/sqlite-error.ts";
import { listBackups } from "./backup.ts";

const magic = Buffer.from("SQLite format 3\0", "latin1");

/** Checks what costs nothing: that the file begins as a database does and ends with a whole page. Throws `corrupt`. */
export function checkDatabaseFile(file: string): void {
  const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return;
  const header = Buffer.alloc(100);
  const descriptor = openSync(file, "r");
  try {
    readSync(descriptor, header, 0, header.length, 0);
  } finally {
    closeSync(descriptor);
  }
  if (size < header.length || !header.subarray(0, magic.length).equals(magic)) {
    throw new DanubeError("corrupt", `The file ${file} is not a database.`);
  }
  // Source: https://sqlite.org/fileformat.html, "Page Size": 1 stands for 65536.
  const stored = header.readUInt16BE(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  if (pageSize === 0 || size % pageSize !== 0) {
    throw new DanubeError("corrupt", `The file ${file} is cut off in the middle of a page.`);
  }
}

/** Reads the whole database: for after a writer that did not close. Throws `corrupt`. */
export function checkDatabaseContent(sqlite: Database): void {
  const [first] = sqlite.pragma("quick_check(1)") as readonly { readonly quick_check: string }[];
  if (first?.quick_check !== "ok") {
    throw new DanubeError("corrupt", `The database is damaged: ${first?.quick_check ?? "the check said nothing"}.`);
  }
}

/** Runs `open`; damage that it meets is told with the backup that would mend it. */
export function namingBackup<T>(dataDirectory: string, open: () => T): T {
  try {
    return open();
  } catch (thrown) {
    const error = fromSqliteError(thrown);
    if (!isDanubeError(error, "corrupt")) throw error;
    const [newest] = listBackups(dataDirectory);
    const advice =
      newest === undefined
        ? "There is no automatic backup: put one of your own in the place of danube.db."
        : `Put a backup of your own in the place of danube.db, or the newest automatic one: ${newest}`;
    throw new DanubeError("corrupt", `${error.message} ${advice}`, { ids: error.ids, cause: error });
  }
}
