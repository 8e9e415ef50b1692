// Copies of the database: consistent, whole or absent.
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { DanubeError } from "@danube/protocol";
import type { Database } from "better-sqlite3";
import { fromSqliteError } from "../sql/sqlite-error.ts";

const keptBackups = 5;
const backupName = /^\d{8}T\d{9}Z-schema-\d+\.db$/;

/** Writes a copy of the database to `file`. Throws `conflict` when it exists and `storage_full` when there is no room. */
export function writeBackup(sqlite: Database, file: string): void {
  const temporaryFile = `${file}.new`;
  rmSync(temporaryFile, { force: true });
  try {
    // Claims the name: no existing file is ever replaced.
    closeSync(openSync(file, "wx", 0o600));
  } catch (cause) {
    throw new DanubeError("conflict", `The backup ${file} can't be made: a file of this name may exist.`, { cause });
  }
  try {
    // SQLite takes an empty file for a new one. Made by SQLite itself, a copy could be read by whoever gets at its directory.
    closeSync(openSync(temporaryFile, "wx", 0o600));
    sqlite.prepare("VACUUM INTO ?").run(temporaryFile);
    sync(temporaryFile);
    renameSync(temporaryFile, file);
    sync(dirname(file));
  } catch (error) {
    rmSync(temporaryFile, { force: true });
    rmSync(file, { force: true });
    throw fromSqliteError(error);
  }
}

/** Backs the database up before a change of its schema and forgets the oldest such backups. Returns the file. */
export function backupBeforeMigration(
  sqlite: Database,
  options: { readonly dataDirectory: string; readonly fromVersion: number; readonly now: string },
): string {
  const directory = backupDirectory(options.dataDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(directory)) {
    if (name.endsWith(".db.new")) rmSync(join(directory, name), { force: true });
  }
  const file = join(directory, `${options.now.replaceAll(/[-:.]/g, "")}-schema-${options.fromVersion}.db`);
  rmSync(file, { force: true });
  writeBackup(sqlite, file);
  for (const old of listBackups(options.dataDirectory).slice(keptBackups)) rmSync(old);
  return file;
}

/** The backups that migrations made, newest first. */
export function listBackups(dataDirectory: string): string[] {
  const directory = backupDirectory(dataDirectory);
  try {
    const names = readdirSync(directory).filter((name) => backupName.test(name));
    return names
      .sort()
      .reverse()
      .map((name) => join(directory, name));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

function backupDirectory(dataDirectory: string): string {
  return join(dataDirectory, "backups");
}

function sync(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
