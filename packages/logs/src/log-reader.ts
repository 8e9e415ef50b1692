// The log of one job, read; also while it is being written, also from another process.
import { type FileHandle, open } from "node:fs/promises";
import { IndexDecoder, type IndexRecord } from "./index-format.ts";
import { fileError, hasCode } from "./file-error.ts";
import { type LogLocation, logPaths } from "./log-files.ts";
import { LogIndex } from "./log-index.ts";
import { type LogSearch, type LogSearchResult, searchLog } from "./log-search.ts";

/** Bytes `start` to `end` (exclusive) of a log. */
export interface LogRange {
  readonly start: number;
  readonly end: number;
}
/** A stretch of the log that came from one source. */
export interface LogSegment extends LogRange {
  readonly source: string;
  /** When its first bytes were written, in milliseconds since 1970. */
  readonly timeMs: number;
}
export interface LogStatus {
  /** What may be read: never more than the index covers. 0 while there is no log yet. */
  readonly sizeBytes: number;
  /** Whether there is a log file at all. */
  readonly exists: boolean;
  /** `index_missing`: the whole file is readable, but nothing tells which step wrote what. `damaged`: only a valid beginning is readable. */
  readonly warning?: "index_missing" | "damaged";
}
export interface LogReadOptions extends Partial<LogRange> {
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal;
}

export interface LogReader {
  status(): Promise<LogStatus>;
  /** The readable size, looked up afresh. */
  size(): Promise<number>;
  /** The bytes of a range, cut to the readable size, in chunks of at most `chunkBytes` (256 KiB unless told otherwise). */
  read(range?: LogReadOptions): AsyncIterable<Buffer>;
  /**
   * One chunk from `start`, at most `maxBytes`. Readers that ask for the same range at about the same time share one read and
   * one Buffer, which nobody may change. The caller knows that the range is readable.
   */
  readChunk(start: number, maxBytes: number): Promise<Buffer>;
  /** Who wrote what, in the order of the log; neighbours of one source are one segment. */
  segments(): Promise<LogSegment[]>;
  /** The ranges that a step wrote: all sources named `<id>`, `<id>/…`, `step:<id>` or `step:<id>/…`. */
  stepRanges(stepId: string): Promise<LogRange[]>;
  search(search: LogSearch): Promise<LogSearchResult>;
  close(): Promise<void>;
}

/** Opens a log for reading; it need not exist yet. Many may read at once. Throws `invalid_request` for what is not a job's id. */
export function openLogReader(location: LogLocation): LogReader {
  return new Reader(location, logPaths(location));
}

const indexReadBytes = 1_048_576;
/** How many of the last reads are kept to be shared. */
const sharedReads = 4;

class Reader implements LogReader {
  readonly #location: LogLocation;
  readonly #paths: { log: string; index: string };
  #log: FileHandle | undefined;
  #index: FileHandle | undefined;
  #contents = new IndexContents();
  /** The size of an index that is known to be damaged, so that it is not read again and again. */
  #damagedSize: number | undefined;
  #lookup: Promise<LogStatus> | undefined;
  #nextLookup: Promise<LogStatus> | undefined;
  readonly #reads = new Map<string, Promise<Buffer>>();

  constructor(location: LogLocation, paths: { log: string; index: string }) {
    this.#location = location;
    this.#paths = paths;
  }

  /** Lookups at the same time are shared, but never one that began before it was asked for. */
  status(): Promise<LogStatus> {
    if (this.#lookup) {
      this.#nextLookup ??= this.#lookup.then(
        () => this.#startLookup(),
        () => this.#startLookup(),
      );
      return this.#nextLookup;
    }
    return this.#startLookup();
  }

  async size(): Promise<number> {
    return (await this.status()).sizeBytes;
  }

  async *read({
    start = 0,
    end = Infinity,
    chunkBytes = 262_144,
    signal,
  }: LogReadOptions = {}): AsyncGenerator<Buffer> {
    const limit = Math.min(end, await this.size());
    for (let at = Math.max(0, start); at < limit; ) {
      if (signal?.aborted) return;
      const bytes = await this.#readAt(at, Math.min(chunkBytes, limit - at));
      if (bytes.length === 0) return;
      yield bytes;
      at += bytes.length;
    }
  }

  readChunk(start: number, maxBytes: number): Promise<Buffer> {
    const key = `${start}+${maxBytes}`;
    const known = this.#reads.get(key);
    if (known) return known;
    const read = this.#readAt(start, maxBytes);
    this.#reads.set(key, read);
    // Less than asked for must be asked for again: it may be there next time.
    read.then(
      (bytes) => bytes.length < maxBytes && this.#reads.delete(key),
      () => this.#reads.delete(key),
    );
    for (const oldest of this.#reads.keys()) {
      if (this.#reads.size <= sharedReads) break;
      this.#reads.delete(oldest);
    }
    return read;
  }

  async segments(): Promise<LogSegment[]> {
    const { sizeBytes } = await this.status();
    return this.#contents.segments
      .filter((segment) => segment.start < sizeBytes)
      .map((segment) => ({ ...segment, end: Math.min(segment.end, sizeBytes) }));
  }

  async stepRanges(stepId: string): Promise<LogRange[]> {
    const ranges: { start: number; end: number }[] = [];
    for (const { source, start, end } of await this.segments()) {
      const name = source.startsWith("step:") ? source.slice("step:".length) : source;
      if (name !== stepId && !name.startsWith(`${stepId}/`)) continue;
      const last = ranges.at(-1);
      if (last && last.end === start) last.end = end;
      else ranges.push({ start, end });
    }
    return ranges;
  }

  search(search: LogSearch): Promise<LogSearchResult> {
    return searchLog(
      this.read({ signal: search.signal }),
      (start, length) => this.#readReadable(start, length),
      search,
    );
  }

  async close(): Promise<void> {
    const log = this.#log;
    const index = this.#index;
    this.#log = undefined;
    this.#index = undefined;
    this.#contents = new IndexContents();
    await log?.close();
    await index?.close();
  }

  #startLookup(): Promise<LogStatus> {
    this.#nextLookup = undefined;
    const lookup = this.#lookUp()
      .catch((error: unknown) => {
        throw fileError(error, "The log cannot be read", this.#location.jobId);
      })
      .finally(() => {
        if (this.#lookup === lookup) this.#lookup = undefined;
      });
    this.#lookup = lookup;
    return lookup;
  }

  async #lookUp(): Promise<LogStatus> {
    // A writer makes the index before the log: an index that is missing although there is a log is not just late.
    this.#log ??= await openIfExists(this.#paths.log);
    this.#index ??= await openIfExists(this.#paths.index);
    const damaged = this.#index !== undefined && !(await this.#readIndex(this.#index));
    if (!this.#log) return { sizeBytes: 0, exists: false };
    const logBytes = (await this.#log.stat()).size;
    if (!this.#index) return { sizeBytes: logBytes, exists: true, ...(logBytes > 0 && { warning: "index_missing" }) };
    const covered = this.#contents.index.sizeBytes;
    const sizeBytes = Math.min(covered, logBytes);
    return { sizeBytes, exists: true, ...((damaged || covered > logBytes) && { warning: "damaged" }) };
  }

  /** Reads what is new in the index. Returns whether all of it is valid. */
  async #readIndex(file: FileHandle): Promise<boolean> {
    const { size } = await file.stat();
    if (size === this.#damagedSize) return false;
    // A writer that opened the log again may have cut the index, and written over what was read: then it is read again.
    for (const contents of [this.#contents, new IndexContents()]) {
      if (size < contents.decoder.position || contents.decoder.damaged) continue;
      this.#contents = contents;
      await contents.readUpTo(file, size);
      if (contents.decoder.damaged) continue;
      this.#damagedSize = undefined;
      return true;
    }
    this.#damagedSize = size;
    return false;
  }

  async #readReadable(start: number, length: number): Promise<Buffer> {
    const sizeBytes = await this.size();
    return this.#readAt(start, Math.max(0, Math.min(length, sizeBytes - start)));
  }

  async #readAt(start: number, length: number): Promise<Buffer> {
    this.#log ??= await openIfExists(this.#paths.log);
    if (!this.#log || length === 0) return Buffer.alloc(0);
    try {
      const bytes = Buffer.allocUnsafeSlow(length);
      const { bytesRead } = await this.#log.read(bytes, 0, length, start);
      return bytes.subarray(0, bytesRead);
    } catch (error) {
      throw fileError(error, "The log cannot be read", this.#location.jobId);
    }
  }
}

/** What was read of an index so far. */
class IndexContents {
  readonly index = new LogIndex();
  readonly segments: { source: string; start: number; end: number; timeMs: number }[] = [];
  readonly decoder = new IndexDecoder((record) => this.#accept(record));

  async readUpTo(file: FileHandle, size: number): Promise<void> {
    while (!this.decoder.damaged && this.decoder.position < size) {
      const position = this.decoder.position;
      const bytes = Buffer.allocUnsafe(Math.min(indexReadBytes, size - position));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, position);
      if (bytesRead === 0) return;
      this.decoder.push(bytes.subarray(0, bytesRead));
    }
  }

  #accept(record: IndexRecord): boolean {
    if (!this.index.accept(record)) return false;
    if (record.type === "source" || record.logEnd === record.logStart) return true;
    const source = this.index.sources[record.source]!.name;
    const last = this.segments.at(-1);
    if (last?.source === source) last.end = record.logEnd;
    else this.segments.push({ source, start: record.logStart, end: record.logEnd, timeMs: record.timeMs });
    return true;
  }
}

async function openIfExists(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
