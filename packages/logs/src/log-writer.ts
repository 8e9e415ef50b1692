// The log of one job, written.
//
//   append → masked → merged into whole lines → one write per turn of the event loop: bytes, then the index → onGrowth
//
// What a crash leaves unfinished is cut off when the log is opened again; each source then tells by `offset` from where it has to
// be sent again, and the log goes on as if nothing had happened: the log of steps that run one after another is a function of
// their bytes alone.
import { DanubeError } from "@danube/protocol";
import { LogAppender } from "./log-appender.ts";
import { LogBatches } from "./log-batches.ts";
import { fileError } from "./file-error.ts";
import { LogMerge, type MergedSource, pipelineSourceName } from "./log-merge.ts";
import type { Redactor } from "./redactor.ts";

/** One stream of bytes that goes to the log: a step's output, or what the pipeline file prints. */
export interface LogSource {
  readonly name: string;
  /**
   * Bytes of the source that survive the death of this process: nothing before this offset is needed again, everything after
   * it must be sent again after a restart. It may lag behind what was appended, because the redactor holds bytes back that may
   * become a secret, and because an unfinished line waits while other steps write.
   */
  readonly offset: number;
  /** Bytes of the source that are known in this process; at least `offset`. */
  readonly received: number;
  /** Whether its end is in the files. */
  readonly ended: boolean;
  /**
   * Appends the source's bytes that begin at `offset`. Bytes that were received before are dropped; a gap rejects with
   * `protocol_violation`, and so do new bytes after the end. Resolves when everything that can be decided of it is in the files
   * (it survives the process, not yet a power cut: see `sync`). Calls need not be awaited one by one; they keep their order. `bytes`
   * must stay unchanged until then. Rejects with `storage_full` when the disk is full: then everything unwritten, of all sources, is
   * forgotten, and has to be sent again from `offset` (until then `end` rejects too).
   */
  append(offset: number, bytes: Uint8Array): Promise<void>;
  /**
   * The source is complete: writes what was held back, and a newline if its last line has none. Idempotent. With `sizeBytes`,
   * rejects with `protocol_violation` unless exactly so many bytes were received; always give it when it is known.
   */
  end(sizeBytes?: number): Promise<void>;
}

export interface JobLogWriter {
  /** The readable size: bytes of the log that the index covers. */
  readonly sizeBytes: number;
  /** What was cut off when the log was opened, because a crash had left it unfinished. */
  readonly recovery: { readonly logBytesCut: number; readonly indexBytesCut: number };
  /**
   * The source of that name, made if it is new. A step's sources count as open from here to their end, and while several are
   * open each waits for whole lines: so ask only for what will be written, and end all of it.
   */
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

/**
 * Opens or makes the log. One writer at a time for each job. Rejects with `corrupt` when the log has bytes but no index,
 * `storage_full` or `unavailable` when the files cannot be opened.
 */
export async function openLogWriter(options: OpenLogWriterOptions): Promise<JobLogWriter> {
  try {
    return new Writer(options, await LogAppender.open(options));
  } catch (error) {
    if (error instanceof DanubeError) throw error;
    throw fileError(error, "The log cannot be opened", options.jobId);
  }
}

class Writer implements JobLogWriter {
  readonly recovery: { readonly logBytesCut: number; readonly indexBytesCut: number };
  readonly #jobId: string;
  readonly #merge: LogMerge;
  readonly #batches: LogBatches;
  readonly #sources = new Map<string, Source>();
  #closed = false;

  constructor(options: OpenLogWriterOptions, appender: LogAppender) {
    const { recovered } = appender;
    this.recovery = { logBytesCut: recovered.logBytesCut, indexBytesCut: recovered.indexBytesCut };
    this.#jobId = options.jobId;
    this.#merge = new LogMerge(options.redactor, recovered);
    this.#batches = new LogBatches({
      jobId: options.jobId,
      merge: this.#merge,
      appender,
      onGrowth: options.onGrowth,
      now: options.now ?? Date.now,
    });
    for (const merged of this.#merge.sources.values()) this.#sources.set(merged.name, new Source(this, merged));
  }

  get sizeBytes(): number {
    return this.#batches.sizeBytes;
  }

  source(name: string): LogSource {
    const known = this.#sources.get(name);
    if (known) return known;
    this.#mustBeOpen();
    if (!/^[\x21-\x7e]{1,255}$/.test(name)) {
      throw new DanubeError("protocol_violation", "A log source's name must be 1 to 255 visible ASCII characters.");
    }
    const source = new Source(this, this.#merge.add(name));
    this.#sources.set(name, source);
    return source;
  }

  sources(): LogSource[] {
    return [...this.#sources.values()];
  }

  async endAll(): Promise<void> {
    this.#mustBeOpen();
    const sources = [...this.#merge.sources.values()];
    const isPipeline = (source: MergedSource): boolean => source.name === pipelineSourceName;
    for (const source of sources) if (!isPipeline(source)) this.#merge.end(source);
    for (const source of sources) if (isPipeline(source)) this.#merge.end(source);
    await this.#batches.written();
  }

  async append(merged: MergedSource, offset: number, bytes: Uint8Array): Promise<void> {
    this.#mustBeOpen();
    const known = merged.received - offset;
    if (known < 0) {
      if (merged.lost) throw merged.lost;
      this.#violation(merged, `Bytes ${merged.received} to ${offset} are missing`);
    }
    merged.lost = undefined;
    if (bytes.byteLength > known) {
      if (merged.planned.ended) this.#violation(merged, `It ended at ${merged.received} bytes`);
      this.#merge.push(merged, Buffer.from(bytes.buffer, bytes.byteOffset + known, bytes.byteLength - known));
    }
    await this.#batches.written();
  }

  async end(merged: MergedSource, sizeBytes: number | undefined): Promise<void> {
    this.#mustBeOpen();
    if (merged.lost) throw merged.lost;
    if (sizeBytes !== undefined && sizeBytes !== merged.received) {
      this.#violation(merged, `It should have ${sizeBytes} bytes, not ${merged.received}`);
    }
    this.#merge.end(merged);
    await this.#batches.written();
  }

  async sync(): Promise<void> {
    this.#mustBeOpen();
    await this.#batches.sync();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#batches.close();
  }

  #mustBeOpen(): void {
    if (!this.#closed) return;
    throw new DanubeError("job_not_active", "The log of this job is closed.", { ids: { jobId: this.#jobId } });
  }

  #violation(source: MergedSource, what: string): never {
    const ids = { jobId: this.#jobId, source: source.name };
    throw new DanubeError("protocol_violation", `${what}, in the log's source ${source.name}.`, { ids });
  }
}

class Source implements LogSource {
  readonly #writer: Writer;
  readonly #merged: MergedSource;

  constructor(writer: Writer, merged: MergedSource) {
    this.#writer = writer;
    this.#merged = merged;
  }

  get name(): string {
    return this.#merged.name;
  }
  get offset(): number {
    return this.#merged.durable.state.offset;
  }
  get received(): number {
    return this.#merged.received;
  }
  get ended(): boolean {
    return this.#merged.durable.ended;
  }
  append(offset: number, bytes: Uint8Array): Promise<void> {
    return this.#writer.append(this.#merged, offset, bytes);
  }
  end(sizeBytes?: number): Promise<void> {
    return this.#writer.end(this.#merged, sizeBytes);
  }
}
