// Masks secrets in a stream of bytes, whatever the bytes are and however they are cut into chunks.
//
// What is masked: every occurrence of every variant of every secret, and every match of a token pattern from every start. The
// union of these ranges, those that touch melted into one, is replaced by one `***` each. So the result is a function of the
// source's bytes alone. A range that begins at or after a position depends only on the bytes from that position on: therefore the
// first start that is still undecided is a place where a fresh redaction can begin, given how far a mask already reaches beyond it.
import { NeedleSet } from "./needle-set.ts";
import { minimumSecretLength, secretVariants } from "./secret-variants.ts";
import { noMatch, type TokenPattern, TokenText, tokenPatterns, undecided } from "./token-patterns.ts";

/** A secret that must not be seen in a log. Values shorter than `minimumSecretLength` characters are not masked. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

/**
 * Where a redaction can be taken up again: a fresh stream that starts at `offset` of the source with `carry` gives the very
 * bytes that the interrupted one would have given.
 */
export interface RedactionState {
  /** Bytes of the source that are decided; everything from here on must be pushed (again). */
  readonly offset: number;
  /**
   * How many bytes after `offset` are covered by a `***` that was given out already. 0 means that such a mask ends right
   * at `offset` and a mask that begins there melts into it; -1 means that there is none.
   */
  readonly carry: number;
}

/** A part of the masked text. */
export interface RedactedPiece {
  readonly bytes: Buffer;
  /** Whether it stands for something hidden. If not, these are the source's own bytes from `sourceStart` on. */
  readonly masked: boolean;
  readonly sourceStart: number;
}

/** The redaction of one source. What has been given out after n bytes depends on these n bytes alone, not on the chunks. */
export interface RedactionStream {
  /** What is decided now. The pieces may be views of `chunk`; what is held back is copied. */
  push(chunk: Uint8Array): RedactedPiece[];
  /** Decides all that was held back: the source has ended. */
  flush(): RedactedPiece[];
  readonly state: RedactionState;
}

/** A compiled set of secrets. Immutable; any number of streams may be open at once. */
export interface Redactor {
  openStream(from?: RedactionState): RedactionStream;
  /** The whole text masked at once, for messages and errors. */
  redactText(text: string): string;
}

export const sourceBeginning: RedactionState = { offset: 0, carry: -1 };
const mask = Buffer.from("***");
/** Longer variants are searched for in parts: that bounds what is held back, and a part of a key is a secret too. */
const longestNeedle = 255;
const needlePart = 128;
/** How much of a new chunk is joined to what was held back, at least, to decide that. */
const seamBytes = 4_096;

/** Compiles the secrets, all their usual encodings, and the well-known token formats. */
export function createRedactor(secrets: readonly Secret[]): Redactor {
  const compiled = new CompiledSecrets(secretNeedles(secrets));
  return {
    openStream: (from = sourceBeginning) => new Stream(compiled, from),
    redactText(text) {
      const stream = new Stream(compiled, sourceBeginning);
      const pieces = [...stream.push(Buffer.from(text)), ...stream.flush()];
      return Buffer.concat(pieces.map((piece) => piece.bytes)).toString();
    },
  };
}

export { minimumSecretLength };

/** What is searched for, as it is. */
export function secretNeedles(secrets: readonly Secret[]): Buffer[] {
  const needles = new Map<string, Buffer>();
  for (const { value } of secrets) {
    for (const variant of secretVariants(value)) {
      for (const part of partsOf(variant)) needles.set(part.toString("latin1"), part);
    }
  }
  return [...needles.values()];
}

function partsOf(variant: Buffer): Buffer[] {
  if (variant.length <= longestNeedle) return [variant];
  const count = Math.floor(variant.length / needlePart);
  const edge = (index: number): number => Math.floor((index * variant.length) / count);
  return Array.from({ length: count }, (_, index) => variant.subarray(edge(index), edge(index + 1)));
}

class CompiledSecrets {
  readonly #needles: NeedleSet;
  readonly #lengths: number[];
  /** The token pattern of a needle, if it is the prefix of one. */
  readonly #patterns: (TokenPattern | undefined)[];

  constructor(secretNeedles: readonly Buffer[]) {
    const prefixes = tokenPatterns.flatMap((pattern) =>
      pattern.prefixes.map((prefix) => ({ pattern, bytes: Buffer.from(prefix, "latin1") })),
    );
    const needles = [...secretNeedles, ...prefixes.map((prefix) => prefix.bytes)];
    this.#needles = new NeedleSet(needles);
    this.#lengths = needles.map((needle) => needle.length);
    this.#patterns = [...secretNeedles.map(() => undefined), ...prefixes.map((prefix) => prefix.pattern)];
  }

  /** The ranges to mask in `text`, ordered by start, and the first start at which more bytes could still change something. */
  find(text: Buffer, final: boolean): { ranges: Float64Array; decided: number } {
    const tokens = new TokenText(text, final);
    let decided = final ? text.length : this.#needles.unfinishedStart(text);
    const ranges: number[] = [];
    this.#needles.scan(text, (needle, start) => {
      const length = this.#lengths[needle]!;
      const end = this.#patterns[needle]?.match(tokens, start, length) ?? start + length;
      if (end === undecided) decided = Math.min(decided, start);
      else if (end !== noMatch) ranges.push(start * lengthLimit + (end - start));
    });
    return { ranges: Float64Array.from(ranges).sort(), decided };
  }
}

/** A range is one number, start times this plus length, so that many of them are sorted quickly. */
const lengthLimit = 2 ** 20;

class Stream implements RedactionStream {
  readonly #compiled: CompiledSecrets;
  #offset: number;
  #carry: number;
  #held: Buffer = Buffer.alloc(0);

  constructor(compiled: CompiledSecrets, from: RedactionState) {
    this.#compiled = compiled;
    this.#offset = from.offset;
    this.#carry = from.carry;
  }

  get state(): RedactionState {
    return { offset: this.#offset, carry: this.#carry };
  }

  push(chunk: Uint8Array): RedactedPiece[] {
    const pieces: RedactedPiece[] = [];
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    // Only as much is copied as it takes to decide what was held back.
    while (this.#held.length > 0 && rest.length > 0) {
      const heldBytes = this.#held.length;
      const taken = Math.min(rest.length, Math.max(seamBytes, heldBytes));
      const seam = Buffer.concat([this.#held, rest.subarray(0, taken)]);
      const decided = this.#decide(seam, false, pieces);
      const goOnInRest = decided >= heldBytes && taken < rest.length;
      this.#held = goOnInRest ? Buffer.alloc(0) : Buffer.from(seam.subarray(decided));
      rest = rest.subarray(goOnInRest ? decided - heldBytes : taken);
    }
    if (rest.length > 0) {
      const decided = this.#decide(rest, false, pieces);
      this.#held = Buffer.from(rest.subarray(decided));
    }
    return pieces;
  }

  flush(): RedactedPiece[] {
    const pieces: RedactedPiece[] = [];
    this.#decide(this.#held, true, pieces);
    this.#held = Buffer.alloc(0);
    return pieces;
  }

  /** Gives out what is decided of `text`, which begins at the stream's offset, and moves on. Returns how much that was. */
  #decide(text: Buffer, final: boolean, pieces: RedactedPiece[]): number {
    const { ranges, decided } = this.#compiled.find(text, final);
    const give = (start: number, end: number): void => {
      if (start < end) {
        pieces.push({ bytes: text.subarray(start, end), masked: false, sourceStart: this.#offset + start });
      }
    };
    let maskEnd = this.#carry;
    for (const range of ranges) {
      const start = Math.floor(range / lengthLimit);
      const end = start + (range % lengthLimit);
      if (start >= decided) break;
      if (start > maskEnd) {
        give(Math.max(0, maskEnd), start);
        pieces.push({ bytes: mask, masked: true, sourceStart: this.#offset + start });
      }
      maskEnd = Math.max(maskEnd, end);
    }
    give(Math.max(0, maskEnd), decided);
    this.#carry = Math.max(-1, maskEnd - decided);
    this.#offset += decided;
    return decided;
  }
}
