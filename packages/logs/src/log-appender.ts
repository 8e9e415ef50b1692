// Writes to the two files of a log: the bytes first, then the records that cover them.
import {
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  statSync,
  writev,
  writevSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { DanubeError } from "@danube/protocol";
import { indexHeader } from "./index-format.ts";
import { type LogLocation, logPaths } from "./log-files.ts";
import { type RecoveredLog, recoverLog } from "./log-recovery.ts";

const writeLater = promisify(writev);
const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);

/** Up to here a write to the page cache takes less time than a hand-over to another thread. */
const writtenAtOnceBytes = 65_536;
const mostBuffers = 512;

export class LogAppender {
  readonly recovered: RecoveredLog;
  readonly #logFile: number;
  readonly #indexFile: number;
  readonly #directory: string;
  #logBytes: number;
  #indexBytes: number;
  #directorySynced = false;

  /** Opens the files, makes them if there are none, and repairs what a crash left behind. */
  constructor(location: LogLocation) {
    const paths = logPaths(location);
    this.#directory = dirname(paths.log);
    mkdirSync(this.#directory, { recursive: true });
    if (!existsSync(paths.index) && existsSync(paths.log) && statSync(paths.log).size > 0) {
      const message = "The log has bytes, but its index is missing; the log is left as it is.";
      throw new DanubeError("corrupt", message, { ids: { jobId: location.jobId } });
    }
    // Read and write, made if missing, never cut: "a" would ignore the positions of writes.
    this.#indexFile = openForUpdate(paths.index);
    try {
      this.#logFile = openForUpdate(paths.log);
    } catch (error) {
      closeSync(this.#indexFile);
      throw error;
    }
    try {
      this.recovered = recoverLog(this.#logFile, this.#indexFile, location.jobId);
    } catch (error) {
      this.close();
      throw error;
    }
    this.#logBytes = this.recovered.logBytes;
    this.#indexBytes = this.recovered.indexBytes;
  }

  get logBytes(): number {
    return this.#logBytes;
  }

  /** After a rejection the files are as before; one write at a time. */
  async append(bytes: Buffer[], records: Buffer[]): Promise<void> {
    const withHeader = this.#indexBytes === 0 ? [indexHeader, ...records] : records;
    try {
      const logBytes = await writeWhole(this.#logFile, bytes, this.#logBytes);
      const indexBytes = await writeWhole(this.#indexFile, withHeader, this.#indexBytes);
      this.#logBytes += logBytes;
      this.#indexBytes += indexBytes;
    } catch (error) {
      this.#cutBack();
      throw error;
    }
  }

  async sync(): Promise<void> {
    const work = [syncData(this.#logFile), syncData(this.#indexFile)];
    if (!this.#directorySynced) work.push(this.#syncDirectory());
    await Promise.all(work);
    this.#directorySynced = true;
  }

  close(): void {
    closeSync(this.#logFile);
    closeSync(this.#indexFile);
  }

  /** The index first: records must not cover bytes that are gone. */
  #cutBack(): void {
    cutTo(this.#indexFile, this.#indexBytes);
    cutTo(this.#logFile, this.#logBytes);
  }

  async #syncDirectory(): Promise<void> {
    const directory = openSync(this.#directory, "r");
    try {
      await syncAll(directory);
    } finally {
      closeSync(directory);
    }
  }
}

const { O_RDWR, O_CREAT } = constants;

function openForUpdate(path: string): number {
  return openSync(path, O_RDWR | O_CREAT, 0o640);
}

/** As well as it can be done: the next write goes to the same place, and opening the log repairs it. The first error is the one to tell. */
function cutTo(file: number, size: number): void {
  try {
    ftruncateSync(file, size);
  } catch {
    return;
  }
}

async function writeWhole(file: number, buffers: Buffer[], position: number): Promise<number> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  const size = rest.reduce((sum, buffer) => sum + buffer.length, 0);
  if (rest.length > mostBuffers) rest = [Buffer.concat(rest, size)];
  for (let written = 0; written < size; ) {
    const atOnce = size - written <= writtenAtOnceBytes;
    const count = atOnce
      ? writevSync(file, rest, position + written)
      : (await writeLater(file, rest, position + written)).bytesWritten;
    written += count;
    rest = dropBytes(rest, count);
  }
  return size;
}

function dropBytes(buffers: Buffer[], count: number): Buffer[] {
  let dropped = count;
  let first = 0;
  while (first < buffers.length && dropped >= buffers[first]!.length) dropped -= buffers[first++]!.length;
  const rest = buffers.slice(first);
  if (dropped > 0) rest[0] = rest[0]!.subarray(dropped);
  return rest;
}
