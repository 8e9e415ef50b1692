// Writes what the merge gives, batch by batch: whatever has come by the next turn of the event loop, or while the last batch
// was being written, is one batch.
import { crc32 } from "node:zlib";
import type { DanubeError } from "@danube/protocol";
import { encodeRecord } from "./index-format.ts";
import type { LogAppender } from "./log-appender.ts";
import { fileError } from "./file-error.ts";
import type { LogMerge, MergedExtent, MergedSource } from "./log-merge.ts";

interface LogBatchesOptions {
  readonly jobId: string;
  readonly merge: LogMerge;
  readonly appender: LogAppender;
  readonly onGrowth: ((sizeBytes: number) => void) | undefined;
  readonly now: () => number;
}

/** Who waits for what is written together. */
type Batch = ReturnType<typeof Promise.withResolvers<void>>;

export class LogBatches {
  readonly #options: LogBatchesOptions;
  #sourcesWritten: number;
  #next: Batch | undefined;
  #current: Batch | undefined;
  #unsynced = false;
  #syncing: Promise<void> | undefined;
  /** A failed sync may have lost written bytes for good: only opening the log again tells what is there. */
  #failure: DanubeError | undefined;

  constructor(options: LogBatchesOptions) {
    this.#options = options;
    this.#sourcesWritten = options.merge.sources.size;
  }

  get sizeBytes(): number {
    return this.#options.appender.logBytes;
  }

  /** Resolves when all that the merge has given until now is in the files. Rejects if it could not be written: then it is forgotten. */
  async written(): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#options.merge.hasExtents && !this.#next) {
      this.#next = Promise.withResolvers<void>();
      // Those who wait hear of a failure; if nobody waits, nobody has to.
      this.#next.promise.catch(() => undefined);
      if (!this.#current) setImmediate(() => void this.#writeAll());
    }
    await (this.#next ?? this.#current)?.promise;
  }

  /** Resolves when all that the merge has given until now is on the disk. */
  async sync(): Promise<void> {
    await this.written();
    // A sync that is under way may have begun before the last write.
    while (this.#unsynced) {
      this.#syncing ??= this.#syncFiles();
      await this.#syncing;
    }
    await this.#syncing;
  }

  async close(): Promise<void> {
    try {
      await this.written();
      await this.#syncing;
    } finally {
      await this.#options.appender.close();
    }
  }

  /** Runs until nothing is left to write; never rejects. */
  async #writeAll(): Promise<void> {
    for (let batch = this.#next; batch && !this.#current; batch = this.#next) {
      this.#next = undefined;
      this.#current = batch;
      try {
        await this.#write(this.#options.merge.takeExtents());
        batch.resolve();
      } catch (error) {
        this.#fail(batch, fileError(error, "The log cannot be written", this.#options.jobId));
      }
      this.#current = undefined;
    }
  }

  #fail(batch: Batch, failure: DanubeError): void {
    this.#options.merge.revert(failure);
    batch.reject(failure);
    // What has come meanwhile follows what is lost now.
    this.#next?.reject(failure);
    this.#next = undefined;
  }

  async #write(extents: readonly MergedExtent[]): Promise<void> {
    const { merge, appender, onGrowth } = this.#options;
    const sizeBefore = this.sizeBytes;
    const { records, newSources } = this.#describe(extents);
    await appender.append(
      extents.flatMap((extent) => extent.buffers),
      records,
    );
    for (const source of newSources) source.id = this.#sourcesWritten++;
    merge.committed(extents);
    this.#unsynced = true;
    if (this.sizeBytes > sizeBefore) onGrowth?.(this.sizeBytes);
  }

  #describe(extents: readonly MergedExtent[]): { records: Buffer[]; newSources: MergedSource[] } {
    const records: Buffer[] = [];
    const newSources: MergedSource[] = [];
    const timeMs = this.#options.now();
    let logStart = this.sizeBytes;
    for (const { source, buffers, sizeBytes, sourceStart, after } of extents) {
      if (source.id === undefined && !newSources.includes(source)) {
        newSources.push(source);
        const id = this.#sourcesWritten + newSources.length - 1;
        records.push(encodeRecord({ type: "source", id, name: source.name }));
      }
      const logEnd = logStart + sizeBytes;
      records.push(
        encodeRecord({
          type: "extent",
          source: source.id ?? this.#sourcesWritten + newSources.indexOf(source),
          ended: after.ended,
          sourceStart,
          sourceEnd: after.state.offset,
          carry: after.state.carry,
          logStart,
          logEnd,
          logCrc: buffers.reduce((sum, buffer) => crc32(buffer, sum), 0),
          timeMs,
        }),
      );
      logStart = logEnd;
    }
    return { records, newSources };
  }

  async #syncFiles(): Promise<void> {
    this.#unsynced = false;
    try {
      await this.#options.appender.sync();
    } catch (error) {
      this.#failure = fileError(error, "The log cannot be synced to the disk", this.#options.jobId);
      throw this.#failure;
    } finally {
      this.#syncing = undefined;
    }
  }
}
