import { openLogReader } from "@danube/logs";
import { DanubeError } from "@danube/protocol";

/** The readable bytes of a job's log. */
export interface LogSource {
  sizeBytes(): Promise<number>;
  /** The bytes from `start` up to `end`, which was readable; fewer or none only if the log has been deleted meanwhile. */
  read(start: number, end: number): Promise<Buffer>;
}

export interface OpenLogSource extends LogSource {
  /** Resolves once what was going on is done and the files are closed; after it everything is refused. */
  close(): Promise<void>;
}

/**
 * Opens a job's log for many readers at once. Its files are opened by one look at their size, before which no read begins,
 * and are closed after the last read: however readers come and go, no file stays open behind them.
 */
export function openLogSource(options: { readonly directory: string; readonly jobId: string }): OpenLogSource {
  const reader = openLogReader(options);
  const going = new Set<Promise<unknown>>();
  let exists = false;
  let closed = false;

  const run = <T>(work: () => Promise<T>): Promise<T> => {
    if (closed) return Promise.reject(new DanubeError("draining", "The log is not read any more."));
    const running = work();
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    going.add(settled);
    void settled.finally(() => going.delete(settled));
    return running;
  };
  const lookUp = async (): Promise<number> => {
    const status = await reader.status();
    exists ||= status.exists;
    return status.sizeBytes;
  };

  return {
    sizeBytes: () => run(lookUp),
    read: (start, end) =>
      run(async () => {
        if (!exists) await lookUp();
        return reader.readChunk(start, end - start);
      }),
    async close() {
      closed = true;
      await Promise.all(going);
      await reader.close();
    },
  };
}
