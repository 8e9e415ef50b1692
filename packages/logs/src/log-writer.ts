// The log of one job, written.
import type { Redactor } from "./redactor.ts";

/** The source of what the pipeline file itself prints. It stays open for the whole job. */
export const pipelineSourceName = "pipeline";

/** One stream of bytes that goes to the log: a step's output, or what the pipeline file prints. */
export interface LogSource {
  readonly name: string;
  /**
   * Bytes of the source that survive the death of this process: nothing before this offset is needed again, everything after
   * it must be sent again after a restart. It may lag behind what was appended, because the redactor holds bytes back that may
   * become a secret, and because an unfinished line waits while other steps write.
   */
  readonly offset: number;
  /** Bytes of the source that were appended in this process, or `offset` if that is more. */
  readonly received: number;
  readonly ended: boolean;
  /**
   * Appends the source's bytes that begin at `offset`. Bytes that were received before are dropped; a gap rejects with
   * `protocol_violation`. Resolves when everything that can be decided of it is in the files (it survives the process, not yet
   * a power cut: see `sync`). Calls need not be awaited one by one; they keep their order. `bytes` must stay unchanged until then.
   * Rejects with `storage_full` when the disk is full: then everything unwritten is forgotten, and the source must be sent again
   * from `offset`.
   */
  append(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * The source is complete: writes what was held back, and a newline if its last line has none. Idempotent. With `sizeBytes`,
   * rejects with `protocol_violation` unless exactly so many bytes were received.
   */
  end(sizeBytes?: number): Promise<void>;
}

export interface JobLogWriter {
  /** The readable size: bytes of the log that the index covers. */
  readonly sizeBytes: number;
  /** What was cut off when the log was opened, because a crash had left it unfinished. */
  readonly recovery: { readonly logBytesCut: number; readonly indexBytesCut: number };
  /** The source of that name, made if it is new. */
  source(name: string): LogSource;
  /** Every source the log knows, in the order of their beginning. */
  sources(): LogSource[];
  /** Ends every source that has not ended, the pipeline's own last: for the end of a job, however it came. */
  endAll(): Promise<void>;
  /** Resolves when everything appended before is on the disk itself. */
  sync(): Promise<void>;
  /** Writes what is pending and closes the files. Sources are not ended: the log can be opened again and goes on. */
  close(): Promise<void>;
}

export interface OpenLogWriterOptions {
  /** Usually `<data_dir>/logs`; made if missing. */
  readonly directory: string;
  readonly jobId: string;
  /** Without one, nothing is masked. */
  readonly redactor?: Redactor;
  /** Called with the readable size after each growth. Must not throw. */
  readonly onGrowth?: (sizeBytes: number) => void;
  /** Milliseconds since 1970, for the index. */
  readonly now?: () => number;
}

/** Opens or makes the log. One writer at a time for each job. Rejects with `corrupt` if the log has bytes but its index is gone. */
export async function openLogWriter(_options: OpenLogWriterOptions): Promise<JobLogWriter> {
  throw new Error("not yet");
}
