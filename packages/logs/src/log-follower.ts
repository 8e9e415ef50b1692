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

export interface FollowLogOptions {
  readonly reader: Pick<LogReader, "size" | "readChunk">;
  readonly from: number;
  /** 64 KiB unless told otherwise. */
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal;
}

/**
 * Follows `reader` from offset `from`. The iteration ends after the last byte once `notify` said closed, or when `signal`
 * aborts. Reads only as fast as it is asked: a slow consumer holds one chunk. Many followers of one reader share their reads.
 */
export function followLog({ reader, from, chunkBytes = 65_536, signal }: FollowLogOptions): LogFollower {
  let sizeBytes = 0;
  let mustLookUp = true;
  let closed = false;
  let wakeUp = Promise.withResolvers<void>();
  const wake = (): void => {
    wakeUp.resolve();
    wakeUp = Promise.withResolvers<void>();
  };

  const isAborted = (): boolean => signal?.aborted ?? false;

  async function* follow(): AsyncGenerator<LogChunk, void, undefined> {
    signal?.addEventListener("abort", wake);
    try {
      let offset = from;
      while (!isAborted()) {
        if (mustLookUp) {
          mustLookUp = false;
          // A notification may come meanwhile: `sizeBytes` is read after the look, not before.
          const found = await reader.size();
          sizeBytes = Math.max(sizeBytes, found);
        } else if (offset < sizeBytes) {
          const bytes = await reader.readChunk(offset, Math.min(chunkBytes, sizeBytes - offset));
          if (bytes.length === 0) return;
          yield { offset, nextOffset: offset + bytes.length, bytes };
          offset += bytes.length;
        } else if (closed) {
          return;
        } else {
          await wakeUp.promise;
        }
      }
    } finally {
      signal?.removeEventListener("abort", wake);
    }
  }

  return {
    notify(growth = {}) {
      if (growth.sizeBytes === undefined) mustLookUp = true;
      else sizeBytes = Math.max(sizeBytes, growth.sizeBytes);
      closed ||= growth.closed ?? false;
      wake();
    },
    [Symbol.asyncIterator]: follow,
  };
}
