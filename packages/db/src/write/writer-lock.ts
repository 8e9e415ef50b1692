// At most one writer of a data directory, over all processes.
//
// The lock is one that the operating system holds for this process: an exclusive transaction on a small SQLite database of
// its own. It dies with the process, however that ends, and knows nothing of process ids. The file `writer.json` beside it
// only tells people who holds it; nothing is ever decided by what it says. That it exists while nobody holds the lock tells
// that the last writer did not close.
//
// Do not open `writer.lock` by other means: a process gives up its POSIX locks on a file when it closes any handle of it.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DanubeError } from "@danube/protocol";
import Sqlite from "better-sqlite3";
import { z } from "zod";

const Holder = z.object({ pid: z.number().int(), host: z.string(), since: z.string() });

export interface WriterLock {
  /** Whether the writer before this one closed properly, or there was none. */
  readonly cleanBefore: boolean;
  /** Gives the lock up. `clean` false leaves the sign that the database must be checked. */
  readonly release: (options: { readonly clean: boolean }) => void;
}

/** Takes the lock or throws `data_locked`, at once, naming who has it. */
export function acquireWriterLock(dataDirectory: string, now: string): WriterLock {
  const holderFile = join(dataDirectory, "writer.json");
  const lock = new Sqlite(join(dataDirectory, "writer.lock"), { timeout: 0 });
  try {
    lock.pragma("journal_mode = MEMORY");
    lock.pragma("locking_mode = EXCLUSIVE");
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    if (!(error instanceof Sqlite.SqliteError) || !error.code.startsWith("SQLITE_BUSY")) throw error;
    throw new DanubeError(
      "data_locked",
      `The data directory ${dataDirectory} is in use by another control plane${describeHolder(holderFile)}; only one may write to it.`,
      { cause: error },
    );
  }
  const before = readText(holderFile);
  try {
    const temporaryFile = `${holderFile}.new`;
    writeFileSync(temporaryFile, `${JSON.stringify({ pid: process.pid, host: hostname(), since: now })}\n`);
    renameSync(temporaryFile, holderFile);
  } catch (error) {
    lock.close();
    throw error;
  }
  return {
    cleanBefore: before === undefined,
    release: ({ clean }) => {
      // Before the lock goes, for afterwards the file may be that of the next one.
      if (clean) rmSync(holderFile, { force: true });
      lock.close();
    },
  };
}

function describeHolder(file: string): string {
  try {
    const holder = Holder.parse(JSON.parse(readText(file) ?? ""));
    return ` (process ${holder.pid} on ${holder.host}, since ${holder.since})`;
  } catch {
    // It has just taken the lock and has not told its name yet.
    return "";
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
