// The live stream of one job, for any number of readers.
//
// Readers that have everything so far stand together at the head of the log: each growth is read and encoded once, and the
// same bytes go to all of them. Whoever can't take more, or has just come with an older offset, lags: it reads the file by
// itself, as fast as its socket drains, until it stands at the head again. So nothing is kept for anybody: what a reader
// holds is one event that its socket has not taken yet, its offset in the log and the sequence of the last state it was told.
//
// Invariant: every reader in `#head` is ready, stands at `#headOffset` and was told of every state.
import type { Logger } from "@danube/kit";
import { type Change, DanubeError, isFinal } from "@danube/protocol";
import type { JobState } from "./job-state.ts";
import { encodeLog, type LogFrame } from "./log-frame.ts";
import type { LogSource } from "./log-source.ts";
import type { SseClient } from "./sse-clients.ts";
import { encodeEvent, type SseFrame } from "./sse-frame.ts";

export interface JobStreamOptions {
  readonly state: JobState;
  readonly log: LogSource;
  readonly sizeBytes: number;
  readonly logger: Logger;
}

interface Reader {
  readonly client: SseClient;
  /** Every byte of the log before this was sent. */
  offset: number;
  stateSequence: number;
  /** Whether `#catchUp` is at work for it. */
  busy: boolean;
}

/** How much of the log one event holds at most; its JSON may be longer. */
const mostBytesPerEvent = 65_536;

export class JobStream {
  readonly #state: JobState;
  readonly #log: LogSource;
  readonly #logger: Logger;
  readonly #readers = new Set<Reader>();
  readonly #head = new Set<Reader>();
  #headOffset = 0;
  #sizeBytes: number;
  /** Whether nothing will be added to the log. */
  #logClosed = false;
  #advancing = false;

  constructor({ state, log, sizeBytes, logger }: JobStreamOptions) {
    this.#state = state;
    this.#log = log;
    this.#sizeBytes = sizeBytes;
    this.#logger = logger;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether the job is final and only the end of its log has not been told. */
  get awaitsLogEnd(): boolean {
    return this.#state.isFinal && !this.#logClosed;
  }

  /** Adds a reader that has every byte of the log before `offset`. */
  add(client: SseClient, offset: number): void {
    const reader: Reader = { client, offset: Math.min(offset, this.#sizeBytes), stateSequence: 0, busy: false };
    this.#readers.add(reader);
    const release = client.onClose;
    client.onClose = () => {
      this.#remove(reader);
      release();
    };
    client.onReady = () => this.#wake(reader);
    this.#wake(reader);
  }

  /** Takes in a job, a step or a growth of the log; what is older than what is known changes nothing. */
  apply(change: Change): void {
    switch (change.type) {
      case "job":
        this.#tellHead(this.#state.applyJob(change.job)?.frame);
        if (isFinal(change.job.status)) this.#wakeAll();
        break;
      case "step":
        this.#tellHead(this.#state.applyStep(change.step)?.frame);
        break;
      case "log":
        this.grow(change.sizeBytes, change.closed);
        break;
      default:
        break;
    }
  }

  /** The log has at least `sizeBytes`; with `closed` it has no more than the most that was ever told. */
  grow(sizeBytes: number, closed: boolean): void {
    this.#sizeBytes = Math.max(this.#sizeBytes, sizeBytes);
    this.#logClosed ||= closed;
    this.#wakeAll();
  }

  /** Ends all connections; their clients come again from where they are. */
  close(): void {
    for (const reader of this.#readers) reader.client.end();
  }

  get #finished(): boolean {
    return this.#logClosed && this.#state.isFinal;
  }

  #tellHead(frame: SseFrame | undefined): void {
    if (frame === undefined) return;
    for (const reader of this.#head) {
      this.#write(reader, frame);
      reader.stateSequence = this.#state.sequence;
    }
    this.#wakeLagging();
  }

  #wakeAll(): void {
    void this.#advance();
    this.#wakeLagging();
  }

  /** Sends what the log has grown by to all readers at the head. */
  async #advance(): Promise<void> {
    if (this.#advancing) return;
    this.#advancing = true;
    try {
      while (this.#head.size > 0) {
        const start = this.#headOffset;
        if (start < this.#sizeBytes) {
          const [sizeBytes, logClosed] = [this.#sizeBytes, this.#logClosed];
          const next = await this.#nextFrame(start, sizeBytes);
          // All who stood there may have gone and others stand elsewhere now.
          if (start !== this.#headOffset || this.#head.size === 0) continue;
          // Only the beginning of a character was there; its rest may have come meanwhile.
          if (next === undefined && (sizeBytes !== this.#sizeBytes || logClosed !== this.#logClosed)) continue;
          if (next !== undefined) {
            this.#headOffset = next.end;
            for (const reader of this.#head) {
              reader.offset = next.end;
              this.#write(reader, next.frame);
            }
            this.#wakeLagging();
            continue;
          }
        }
        if (this.#finished && this.#headOffset >= this.#sizeBytes) for (const reader of this.#head) this.#end(reader);
        break;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#advancing = false;
    }
  }

  #wakeLagging(): void {
    for (const reader of this.#readers) if (!this.#head.has(reader)) this.#wake(reader);
  }

  #wake(reader: Reader): void {
    if (reader.busy || !reader.client.ready || this.#head.has(reader)) return;
    void this.#catchUp(reader);
  }

  /** Brings a reader to the head, or as far as its socket takes it: then `onReady` goes on from there. */
  async #catchUp(reader: Reader): Promise<void> {
    reader.busy = true;
    // The size of the log up to which there was nothing but the beginning of a character.
    let fragmentUpTo = -1;
    try {
      while (reader.client.ready) {
        if (!this.#tellStates(reader)) return;
        const start = reader.offset;
        const nothingLeft = start >= this.#sizeBytes || (fragmentUpTo === this.#sizeBytes && !this.#logClosed);
        if (this.#head.size === 0 ? nothingLeft : start === this.#headOffset) return this.#joinHead(reader);
        // Who is ahead of the head waits: its next step wakes the reader.
        if (nothingLeft) return;
        // A reader that comes from behind has to stop exactly where the head stands.
        const behindHead = this.#head.size > 0 && start < this.#headOffset;
        const limit = behindHead ? this.#headOffset : this.#sizeBytes;
        const next = await this.#nextFrame(start, limit, behindHead);
        if (next === undefined) {
          fragmentUpTo = limit;
          continue;
        }
        reader.offset = next.end;
        reader.client.write(next.frame);
      }
    } catch (error) {
      this.#logger.error("A reader of a log is cut off because the log could not be read", { error });
      reader.client.end();
    } finally {
      reader.busy = false;
    }
  }

  /** Whether all states were told; if not, the socket is full. */
  #tellStates(reader: Reader): boolean {
    for (const event of this.#state.eventsAfter(reader.stateSequence)) {
      if (!reader.client.ready) return false;
      reader.client.write(event.frame);
      reader.stateSequence = event.sequence;
    }
    return reader.client.ready;
  }

  #joinHead(reader: Reader): void {
    this.#headOffset = reader.offset;
    this.#head.add(reader);
    // There may be more by now, and the stream may be at its end.
    void this.#advance();
  }

  async #nextFrame(start: number, limit: number, upToLimit = false): Promise<LogFrame | undefined> {
    const bytes = await this.#log.read(start, Math.min(limit, start + mostBytesPerEvent));
    if (bytes.length === 0) throw new DanubeError("corrupt", `The log ends at ${start}, before its size of ${limit}.`);
    const atLimit = start + bytes.length >= limit;
    return encodeLog(bytes, start, atLimit && (upToLimit || (this.#logClosed && limit >= this.#sizeBytes)));
  }

  #write(reader: Reader, frame: SseFrame): void {
    reader.client.write(frame);
    if (!reader.client.ready) this.#head.delete(reader);
  }

  #end(reader: Reader): void {
    this.#head.delete(reader);
    reader.client.write(encodeEvent({ event: "end", data: this.#state.job }));
    reader.client.end();
  }

  #fail(error: unknown): void {
    this.#logger.error("The readers of a log are cut off because the log could not be read", { error });
    for (const reader of this.#head) reader.client.end();
    this.#head.clear();
  }

  #remove(reader: Reader): void {
    this.#head.delete(reader);
    this.#readers.delete(reader);
  }
}
