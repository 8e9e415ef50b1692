// Decides what goes to the log, in which order; knows no files. Several sources become one text of whole lines.
//
// A source that writes alone is passed on byte by byte, unfinished lines too, so that a reader sees progress at once. While
// several steps are open, each passes on whole lines only (or what there is of a line of more than 1 MiB). If a line was left unfinished
// by one source and another one has something to say, a newline comes between. What the pipeline file itself prints may
// come at any time, so that it does not make a step wait for whole lines, but waits for them itself while steps are open.
import type { DanubeError } from "@danube/protocol";
import type { RecoveredLog } from "./log-recovery.ts";
import type { RedactedPiece, RedactionState, RedactionStream, Redactor } from "./redactor.ts";
import { sourceBeginning } from "./redactor.ts";

/** The source of what the pipeline file itself prints. It stays open for the whole job. */
export const pipelineSourceName = "pipeline";

/** How much of a source is kept waiting for the end of its line. */
const longestWaitingLineBytes = 1_048_576;
const newline = Buffer.from("\n");
const newlineByte = 0x0a;

/** What a source has in the files; it goes on from here after a crash. */
export interface DurableState {
  readonly state: RedactionState;
  readonly ended: boolean;
}

/** Bytes for the log, and what will be known of their source once they are written. */
export interface MergedExtent {
  readonly source: MergedSource;
  readonly buffers: Buffer[];
  sizeBytes: number;
  readonly sourceStart: number;
  after: DurableState;
  /** Whether the log's last line is unfinished after it. Undefined if it has no bytes. */
  leavesLineOpen: boolean | undefined;
}

export class MergedSource {
  readonly name: string;
  /** Set once it is in the index. */
  id: number | undefined;
  durable: DurableState = { state: sourceBeginning, ended: false };
  /** What will be durable when all extents given so far are written. */
  planned: DurableState = this.durable;
  received = 0;
  stream: RedactionStream | undefined;
  readonly waiting = new WaitingLine();
  /** Why bytes that were received have to be sent again. */
  lost: DanubeError | undefined;

  constructor(name: string) {
    this.name = name;
  }
}

export class LogMerge {
  readonly sources = new Map<string, MergedSource>();
  readonly #redactor: Redactor | undefined;
  #extents: MergedExtent[] = [];
  /** Sources of steps that have not ended. */
  #openSteps = 0;
  /** Whose unfinished line is the last one of the log: in the files, and once all extents are written. */
  #durableOpenLine: MergedSource | undefined;
  #openLine: MergedSource | undefined;

  constructor(redactor: Redactor | undefined, recovered?: Pick<RecoveredLog, "sources" | "openLine">) {
    this.#redactor = redactor;
    for (const [id, { name, state, ended }] of recovered?.sources.entries() ?? []) {
      const source = new MergedSource(name);
      source.id = id;
      source.durable = { state, ended };
      this.sources.set(name, source);
      if (id === recovered?.openLine) this.#durableOpenLine = source;
    }
    this.revert();
  }

  add(name: string): MergedSource {
    const source = new MergedSource(name);
    this.sources.set(name, source);
    this.#restart(source);
    if (name !== pipelineSourceName) this.#openSteps++;
    return source;
  }

  /** Takes in bytes that follow the received ones. They are only lent until the extents taken next are written. */
  push(source: MergedSource, bytes: Buffer): void {
    const start = source.received;
    source.received += bytes.length;
    this.#passOn(source, source.stream?.push(bytes) ?? [{ bytes, masked: false, sourceStart: start }]);
  }

  end(source: MergedSource): void {
    if (source.planned.ended) return;
    const buffers = [...source.waiting.take(), ...(source.stream?.flush() ?? []).map((piece) => piece.bytes)];
    if (endsUnfinished(buffers) ?? this.#openLine === source) buffers.push(newline);
    this.#give(source, buffers, { state: { offset: source.received, carry: -1 }, ended: true });
    if (source.name === pipelineSourceName) return;
    this.#openSteps--;
    for (const other of this.sources.values()) if (!other.planned.ended) this.#passOn(other, []);
  }

  /** What is to be written next, in order. */
  takeExtents(): MergedExtent[] {
    const extents = this.#extents;
    this.#extents = [];
    return extents;
  }

  get hasExtents(): boolean {
    return this.#extents.length > 0;
  }

  /** The extents are in the files. */
  committed(extents: readonly MergedExtent[]): void {
    for (const { source, after, leavesLineOpen } of extents) {
      source.durable = after;
      if (leavesLineOpen !== undefined) this.#durableOpenLine = leavesLineOpen ? source : undefined;
    }
  }

  /** Forgets everything that is not in the files, because of `lost`: sources have to be sent again from their durable offset. */
  revert(lost?: DanubeError): void {
    this.#extents = [];
    this.#openLine = this.#durableOpenLine;
    this.#openSteps = 0;
    for (const source of this.sources.values()) {
      if (source.received > source.durable.state.offset) source.lost = lost;
      this.#restart(source);
      if (!source.durable.ended && source.name !== pipelineSourceName) this.#openSteps++;
    }
  }

  #restart(source: MergedSource): void {
    source.planned = source.durable;
    source.received = source.durable.state.offset;
    source.stream = this.#redactor?.openStream(source.durable.state);
    source.waiting.take();
  }

  #passOn(source: MergedSource, pieces: readonly RedactedPiece[]): void {
    const decided = source.stream?.state ?? { offset: source.received, carry: -1 };
    const alone = this.#openSteps === 0 || (this.#openSteps === 1 && source.name !== pipelineSourceName);
    const rest = alone ? pieces : this.#passOnWholeLines(source, pieces, decided);
    const lag = decided.offset - source.planned.state.offset;
    if (alone || lag > longestWaitingLineBytes || (source.waiting.isEmpty && rest.length === 0)) {
      const buffers = [...source.waiting.take(), ...rest.map((piece) => piece.bytes)];
      this.#give(source, buffers, { state: decided, ended: false });
    } else {
      for (const piece of rest) source.waiting.add(piece.bytes);
    }
  }

  /** Gives what waits and the pieces up to the last newline, if there is one. Returns the pieces after it. */
  #passOnWholeLines(
    source: MergedSource,
    pieces: readonly RedactedPiece[],
    decided: RedactionState,
  ): readonly RedactedPiece[] {
    const last = pieces.findLastIndex((piece) => !piece.masked && piece.bytes.includes(newlineByte));
    const cut = pieces[last];
    if (!cut) return pieces;
    const length = cut.bytes.lastIndexOf(newlineByte) + 1;
    const buffers = [...source.waiting.take(), ...pieces.slice(0, last).map((piece) => piece.bytes)];
    buffers.push(cut.bytes.subarray(0, length));
    const sourceStart = cut.sourceStart + length;
    const rest = pieces.slice(last + 1);
    if (length < cut.bytes.length) rest.unshift({ ...cut, bytes: cut.bytes.subarray(length), sourceStart });
    // The newline is shown as it is: no mask reaches to the place after it, so a redaction can begin afresh there.
    const state = rest.length === 0 ? decided : { offset: sourceStart, carry: -1 };
    this.#give(source, buffers, { state, ended: false });
    return rest;
  }

  #give(source: MergedSource, buffers: Buffer[], after: DurableState): void {
    const openLine = this.#openLine;
    if (buffers.length > 0 && openLine && openLine !== source) this.#extend(openLine, [newline], openLine.planned);
    const { state, ended } = source.planned;
    if (buffers.length > 0 || after.state.offset > state.offset || after.ended !== ended) {
      this.#extend(source, buffers, after);
    }
  }

  #extend(source: MergedSource, buffers: Buffer[], after: DurableState): void {
    let extent = this.#extents.at(-1);
    if (!extent || extent.source !== source) {
      const sourceStart = source.planned.state.offset;
      extent = { source, buffers: [], sizeBytes: 0, sourceStart, after, leavesLineOpen: undefined };
      this.#extents.push(extent);
    }
    for (const buffer of buffers) {
      extent.buffers.push(buffer);
      extent.sizeBytes += buffer.length;
    }
    extent.after = after;
    source.planned = after;
    const unfinished = endsUnfinished(buffers);
    if (unfinished === undefined) return;
    extent.leavesLineOpen = unfinished;
    this.#openLine = unfinished ? source : undefined;
  }
}

/** Whether the text ends within a line; undefined if there is no text. */
function endsUnfinished(buffers: readonly Buffer[]): boolean | undefined {
  const last = buffers.at(-1);
  return last && last.at(-1) !== newlineByte;
}

/** The beginning of a line whose end has not come yet, copied. */
class WaitingLine {
  #bytes = Buffer.alloc(0);
  #length = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  add(bytes: Buffer): void {
    const needed = this.#length + bytes.length;
    if (needed > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(256, needed * 2));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    bytes.copy(this.#bytes, this.#length);
    this.#length = needed;
  }

  /** What waits, as no or one buffer; nothing waits afterwards. */
  take(): Buffer[] {
    if (this.#length === 0) return [];
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.alloc(0);
    this.#length = 0;
    return [taken];
  }
}
