import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { type Clock, type Logger, type Metrics, systemClock } from "@danube/kit";
import { DanubeError, isDanubeError } from "@danube/protocol";
import type { Database } from "better-sqlite3";
import { migrate } from "../migrations/migrate.ts";
import type { Migration } from "../migrations/migration.ts";
import { migrations } from "../migrations/migrations.ts";
import { databaseFileName, openWriteConnection } from "../sql/connection.ts";
import { createExecutor } from "../sql/executor.ts";
import { backupBeforeMigration, writeBackup } from "./backup.ts";
import { type Ballast, createBallast } from "./ballast.ts";
import { createGroupCommit } from "./group-commit.ts";
import { checkDatabaseContent, checkDatabaseFile, namingBackup } from "./integrity.ts";
import { createStorageGuard } from "./storage-guard.ts";
import { acquireWriterLock } from "./writer-lock.ts";
import type { Writer } from "./writer.ts";

export interface OpenWriterOptions {
  /** Is made if it does not exist. */
  readonly dataDirectory: string;
  readonly logger: Logger;
  readonly clock?: Pick<Clock, "now" | "monotonicMs">;
  readonly metrics?: Pick<Metrics, "dbQueriesTotal" | "dbQueryDurationSeconds" | "dbWriteQueue">;
  /** The size of the ballast; 16 MiB unless told otherwise. */
  readonly ballastBytes?: number;
  /** Other migrations than the real ones: for tests of upgrades alone. */
  readonly migrations?: readonly Migration[];
}

/**
 * Opens the data directory for writing: takes the lock, checks the database if the last writer did not close, brings the
 * schema up to date after a backup. Rejects with `data_locked`, `schema_too_new`, `corrupt` (naming the backup to restore) or
 * `storage_full`; then nothing is held.
 */
export async function openWriter(options: OpenWriterOptions): Promise<Writer> {
  const ballast = createBallast(options.dataDirectory, options.ballastBytes);
  try {
    return openOnce(options, ballast);
  } catch (error) {
    if (!isOutOfRoom(error)) throw error;
    // Even to open takes a little room. It starts in the full state then, and takes nothing in.
    options.logger.warn("There is no room to open the database: the ballast is given up.", { error });
    ballast.release();
  }
  try {
    return openOnce(options, ballast);
  } catch (error) {
    if (!isOutOfRoom(error)) throw error;
    throw new DanubeError("storage_full", `The disk of ${options.dataDirectory} is full: make room and start again.`, {
      cause: error,
    });
  }
}

function openOnce(options: OpenWriterOptions, ballast: Ballast): Writer {
  const { dataDirectory, clock = systemClock } = options;
  const now = () => clock.now().toISOString();
  mkdirSync(dataDirectory, { recursive: true, mode: 0o750 });
  const lock = acquireWriterLock(dataDirectory, now());
  try {
    const sqlite = namingBackup(dataDirectory, () => openDatabase(options, { now, mustCheck: !lock.cleanBefore }));
    return createWriter(options, {
      sqlite,
      ballast,
      now,
      monotonicMs: () => clock.monotonicMs(),
      release: lock.release,
    });
  } catch (error) {
    // A database that was not checked to the end must be checked by the next one too.
    lock.release({ clean: lock.cleanBefore });
    throw error;
  }
}

function isOutOfRoom(error: unknown): boolean {
  if (isDanubeError(error, "storage_full")) return true;
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
}

function openDatabase(
  options: OpenWriterOptions,
  { now, mustCheck }: { readonly now: () => string; readonly mustCheck: boolean },
): Database {
  const { dataDirectory, logger } = options;
  const file = join(dataDirectory, databaseFileName);
  closeSync(openSync(file, "a", 0o640));
  checkDatabaseFile(file);
  const sqlite = openWriteConnection(file);
  try {
    if (mustCheck) {
      logger.info("The last control plane did not close the database: it is checked now.");
      checkDatabaseContent(sqlite);
    }
    migrate({
      sqlite,
      migrations: options.migrations ?? migrations,
      now,
      logger,
      backup: (fromVersion) => {
        const backup = backupBeforeMigration(sqlite, { dataDirectory, fromVersion, now: now() });
        logger.info("The database was backed up before its migration.", { file: backup });
      },
    });
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

interface OpenedDatabase {
  readonly sqlite: Database;
  readonly ballast: Ballast;
  readonly now: () => string;
  readonly monotonicMs: () => number;
  readonly release: (how: { readonly clean: boolean }) => void;
}

function createWriter(options: OpenWriterOptions, opened: OpenedDatabase): Writer {
  const { sqlite, now, monotonicMs } = opened;
  const { logger, metrics } = options;
  const executor = createExecutor(sqlite, metrics);
  const checkpoint = (): void => {
    sqlite.pragma("wal_checkpoint(TRUNCATE)");
  };
  const guard = createStorageGuard({
    ballast: opened.ballast,
    checkpoint,
    monotonicMs,
    logger,
  });
  const commits = createGroupCommit({
    sqlite,
    executor,
    now,
    monotonicMs,
    onQueue: (length) => metrics?.dbWriteQueue.set(length),
    onStorageFull: guard.onStorageFull,
  });
  let closed = false;

  const checkOpen = (): void => {
    if (closed) throw new DanubeError("draining", "The database is being closed.");
  };
  return {
    async transaction(work, { essential = false } = {}) {
      checkOpen();
      return commits.add(work, essential ? () => {} : guard.admit);
    },
    read(work) {
      checkOpen();
      if (sqlite.inTransaction) throw new TypeError("Inside a transaction, read with its own handle.");
      return work({ all: executor.all, first: executor.first });
    },
    checkpoint() {
      checkOpen();
      checkpoint();
    },
    backup(file) {
      checkOpen();
      writeBackup(sqlite, file);
    },
    checkStorage: guard.check,
    async close() {
      if (closed) return;
      closed = true;
      commits.flush();
      // Closing the last connection moves the log into the database by itself.
      sqlite.close();
      opened.release({ clean: true });
    },
  };
}
