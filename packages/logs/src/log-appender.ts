// Writes to the two files of a log: the bytes first, then the records that cover them.
import { constants, ftruncateSync, writevSync } from "node:fs";
import { type FileHandle, mkdir, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DanubeError } from "@danube/protocol";
import { hasCode } from "./file-error.ts";
import { indexHeader } from "./index-format.ts";
import { type LogLocation, logPaths } from "./log-files.ts";
import { type RecoveredLog, recoverLog } from "./log-recovery.ts";

/** Up to here a write to the page cache takes less time than a hand-over to another thread. */
const writtenAtOnceBytes = 65_536;
const mostBuffers = 512;

export class LogAppender {
  readonly recovered: RecoveredLog;
  readonly #log: FileHandle;
  readonly #index: FileHandle;
  readonly #directory: string;
  #logBytes: number;
  #indexBytes: number;
  #directorySynced = false;

  private constructor(log: FileHandle, index: FileHandle, location: LogLocation) {
    this.#log = log;
    this.#index = index;
    this.#directory = location.directory;
    this.recovered = recoverLog(log.fd, index.fd, location.jobId);
    this.#logBytes = this.recovered.logBytes;
    this.#indexBytes = this.recovered.indexBytes;
  }

  /** Opens the files, makes them if there are none, and repairs what a crash left behind. */
  static async open(location: LogLocation): Promise<LogAppender> {
    const paths = logPaths(location);
    const handles: FileHandle[] = [];
    try {
      // The index first: where there is a log there is an index.
      const index = (await openIfExists(paths.index)) ?? (await createIndex(paths, location.jobId));
      handles.push(index);
      const log = await openForUpdate(paths.log);
      handles.push(log);
      return new LogAppender(log, index, location);
    } catch (error) {
      for (const handle of handles) await handle.close();
      throw error;
    }
  }

  get logBytes(): number {
    return this.#logBytes;
  }

  /** After a rejection the files are as before; one write at a time. */
  async append(bytes: Buffer[], records: Buffer[]): Promise<void> {
    const withHeader = this.#indexBytes === 0 ? [indexHeader, ...records] : records;
    try {
      const logBytes = await writeWhole(this.#log, bytes, this.#logBytes);
      const indexBytes = await writeWhole(this.#index, withHeader, this.#indexBytes);
      this.#logBytes += logBytes;
      this.#indexBytes += indexBytes;
    } catch (error) {
      this.#cutBack();
      throw error;
    }
  }

  async sync(): Promise<void> {
    const work = [this.#log.datasync(), this.#index.datasync()];
    if (!this.#directorySynced) work.push(this.#syncDirectory());
    await Promise.all(work);
    this.#directorySynced = true;
  }

  async close(): Promise<void> {
    await this.#log.close();
    await this.#index.close();
  }

  /** The index first: records must not cover bytes that are gone. */
  #cutBack(): void {
    cutTo(this.#index.fd, this.#indexBytes);
    cutTo(this.#log.fd, this.#logBytes);
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#directory, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

const { O_CREAT, O_RDWR } = constants;

async function openIfExists(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function createIndex(paths: { log: string; index: string }, jobId: string): Promise<FileHandle> {
  const logBytes = await stat(paths.log).then(
    (log) => log.size,
    () => 0,
  );
  if (logBytes > 0) {
    const message = "The log has bytes, but its index is missing; the log is left as it is.";
    throw new DanubeError("corrupt", message, { ids: { jobId } });
  }
  try {
    return await openForUpdate(paths.index);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    await mkdir(dirname(paths.index), { recursive: true });
    return await openForUpdate(paths.index);
  }
}

/** For reading and writing, made if missing, never cut: "a" would ignore the positions of writes. */
function openForUpdate(path: string): Promise<FileHandle> {
  return open(path, O_RDWR | O_CREAT, 0o640);
}

/** As well as it can be done: the next write goes to the same place, and opening the log repairs it. The first error is the one to tell. */
function cutTo(file: number, size: number): void {
  try {
    ftruncateSync(file, size);
  } catch {
    return;
  }
}

async function writeWhole(file: FileHandle, buffers: Buffer[], position: number): Promise<number> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  const size = rest.reduce((sum, buffer) => sum + buffer.length, 0);
  if (rest.length > mostBuffers) rest = [Buffer.concat(rest, size)];
  for (let written = 0; written < size; ) {
    const atOnce = size - written <= writtenAtOnceBytes;
    const count = atOnce
      ? writevSync(file.fd, rest, position + written)
      : (await file.writev(rest, position + written)).bytesWritten;
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
