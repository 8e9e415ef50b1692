// The log of one job, read; also while it is being written, also from another process.

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
export interface LogMatch {
  /** Where the match begins and ends. */
  readonly start: number;
  readonly end: number;
  /** The line it is in, from 1, and where that line begins. */
  readonly lineNumber: number;
  readonly lineStart: number;
  /** The line around the match as text, at most 1,000 bytes of it. */
  readonly text: string;
}
export interface LogSearch {
  readonly text: string;
  /** The most matches to return; at most one for each line. */
  readonly limit: number;
  readonly ignoreCase?: boolean;
  readonly signal?: AbortSignal;
}

export interface LogReader {
  status(): Promise<LogStatus>;
  /** The readable size, looked up afresh. */
  size(): Promise<number>;
  /** The bytes of a range, cut to the readable size, in chunks of at most `chunkBytes` (256 KiB unless told otherwise). */
  read(range?: {
    readonly start?: number;
    readonly end?: number;
    readonly chunkBytes?: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<Buffer>;
  /**
   * One chunk from `start`, at most `maxBytes`. Readers that ask for the same range at about the same time share one read and
   * one Buffer, which nobody may change. The caller knows that the range is readable.
   */
  readChunk(start: number, maxBytes: number): Promise<Buffer>;
  /** Who wrote what, in the order of the log; neighbours of one source are one segment. */
  segments(): Promise<LogSegment[]>;
  /** The ranges that a step wrote: all sources named `<id>`, `<id>/…`, `step:<id>` or `step:<id>/…`. */
  stepRanges(stepId: string): Promise<LogRange[]>;
  search(search: LogSearch): Promise<{ matches: LogMatch[]; truncated: boolean }>;
  close(): Promise<void>;
}

/** Opens a log for reading; it need not exist yet. Many may read at once. */
export function openLogReader(_options: { readonly directory: string; readonly jobId: string }): LogReader {
  throw new Error("not yet");
}
