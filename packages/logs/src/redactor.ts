// Masks secrets in a stream of bytes, whatever the bytes are and however they are cut into chunks.

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

/** A part of the masked text. A piece with `masked` false is the source's bytes just before `sourceEnd`, unchanged. */
export interface RedactedPiece {
  readonly bytes: Buffer;
  readonly sourceEnd: number;
  readonly masked: boolean;
}

/** The redaction of one source. What is given out after n bytes depends on these n bytes alone, not on the chunks. */
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

export const minimumSecretLength = 4;

/** Compiles the secrets, all their usual encodings, and the well-known token formats. */
export function createRedactor(_secrets: readonly Secret[]): Redactor {
  throw new Error("not yet");
}
