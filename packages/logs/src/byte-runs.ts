/** A set of byte values, given as a regular expression for one character. */
export function byteClass(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (pattern.test(String.fromCharCode(byte)) ? 1 : 0));
}

/**
 * Finds where a run of bytes of one class ends. It remembers the last few runs, so that asking from every byte of a long run
 * still reads it only once: otherwise output made to look like thousands of tokens would stop the server.
 */
export class ByteRuns {
  readonly #bytes: Uint8Array;
  readonly #members: Uint8Array;
  readonly #starts = [0, 0, 0, 0];
  readonly #ends = [0, 0, 0, 0];
  #next = 0;

  constructor(bytes: Uint8Array, members: Uint8Array) {
    this.#bytes = bytes;
    this.#members = members;
  }

  /** The first position at or after `from` whose byte is not of the class, or the end of the bytes. */
  endOf(from: number): number {
    for (let index = 0; index < 4; index++) {
      if (from >= this.#starts[index]! && from < this.#ends[index]!) return this.#ends[index]!;
    }
    const bytes = this.#bytes;
    const members = this.#members;
    let end = from;
    while (end < bytes.length && members[bytes[end]!] === 1) end++;
    this.#starts[this.#next] = from;
    this.#ends[this.#next] = end;
    this.#next = (this.#next + 1) & 3;
    return end;
  }
}
