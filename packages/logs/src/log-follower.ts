// Follows a log that grows: yields its bytes from an offset on, and waits for a wake-up in between.
import type { LogReader } from "./log-reader.ts";

export interface LogChunk {
  /** Where in the log `bytes` begin, and where the next chunk will begin. */
  readonly offset: number;
  readonly nextOffset: number;
  /** May end within a character (see `takeWholeUtf8`). Shared with other readers: must not be changed. */
  readonly bytes: Buffer;
}

export interface LogFollower extends AsyncIterable<LogChunk> {
  /** The log has grown to `sizeBytes`; without a size it is looked up. `closed`: nothing will follow that size. */
  notify(growth?: { readonly sizeBytes?: number; readonly closed?: boolean }): void;
}

/**
 * Follows `reader` from offset `from`. The iteration ends after the last byte once `notify` said closed, or when `signal`
 * aborts. Reads only as fast as it is asked: a slow consumer holds one chunk.
 */
export function followLog(_options: {
  readonly reader: LogReader;
  readonly from: number;
  /** 64 KiB unless told otherwise. */
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal;
}): LogFollower {
  throw new Error("not yet");
}
