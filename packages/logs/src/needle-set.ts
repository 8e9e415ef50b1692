// Many byte strings (needles), prepared so that all their occurrences in a text are found in about one pass over a third of it.
//
// Of each needle one window of 4 bytes is chosen, the one that is rarest in ordinary output. A window at position w covers the three
// byte pairs at w, w+1 and w+2, and exactly one of them is at a multiple of 3: so it is enough to look at the pairs at the
// multiples of 3, in a table of all 65,536 pairs that tells whether, and at which of the three places, a window has that pair.
// Only for those the window is looked up in a hash table, and only then is a needle compared.
// Measured on build output with 150 needles (MB/s, one core): this 900, an Aho-Corasick automaton as a dense table 600 (and
// megabytes of table for each job), Buffer.indexOf for each needle 50.

/** At least this long is every needle. */
export const minimumNeedleLength = 4;

export class NeedleSet {
  readonly #needles: readonly Uint8Array[];
  readonly #pairs = new Uint8Array(65_536);
  readonly #windowKeys: Int32Array;
  /** For each slot of the hash table the first needle with that window, or -1; further ones are chained. */
  readonly #windowNeedles: Int32Array;
  readonly #chain: Int32Array;
  readonly #windowOffsets: Int32Array;
  readonly #shift: number;
  readonly #firstBytes = new Uint8Array(256);
  readonly #byFirstPair = new Map<number, number[]>();
  readonly #longest: number;

  /** Needles are told apart by their place in the list. */
  constructor(needles: readonly Uint8Array[]) {
    this.#needles = needles;
    this.#chain = new Int32Array(needles.length).fill(-1);
    this.#windowOffsets = new Int32Array(needles.length);
    const bits = Math.max(4, Math.ceil(Math.log2(needles.length * 3 + 1)));
    this.#shift = 32 - bits;
    this.#windowKeys = new Int32Array(2 ** bits);
    this.#windowNeedles = new Int32Array(2 ** bits).fill(-1);
    let longest = 0;
    for (const [index, needle] of needles.entries()) {
      longest = Math.max(longest, needle.length);
      this.#addWindow(index, needle);
      const pair = (needle[0]! << 8) | needle[1]!;
      const same = this.#byFirstPair.get(pair);
      if (same) same.push(index);
      else this.#byFirstPair.set(pair, [index]);
      this.#firstBytes[needle[0]!] = 1;
    }
    this.#longest = longest;
  }

  #addWindow(index: number, needle: Uint8Array): void {
    const offset = rarestWindow(needle);
    this.#windowOffsets[index] = offset;
    for (let place = 0; place < 3; place++) {
      this.#pairs[(needle[offset + place]! << 8) | needle[offset + place + 1]!]! |= 1 << place;
    }
    const slot = this.#slotOf(windowAt(needle, offset));
    this.#windowKeys[slot] = windowAt(needle, offset);
    this.#chain[index] = this.#windowNeedles[slot]!;
    this.#windowNeedles[slot] = index;
  }

  #slotOf(key: number): number {
    const last = this.#windowKeys.length - 1;
    let slot = Math.imul(key, 0x9e3779b1) >>> this.#shift;
    while (this.#windowNeedles[slot] !== -1 && this.#windowKeys[slot] !== key) slot = (slot + 1) & last;
    return slot;
  }

  /** Calls `found` for every occurrence of every needle, overlapping ones too, in no strict order. */
  scan(text: Uint8Array, found: (needle: number, start: number) => void): void {
    const pairs = this.#pairs;
    const last = text.length - 1;
    for (let at = 0; at < last; at += 3) {
      const places = pairs[(text[at]! << 8) | text[at + 1]!]!;
      if (places !== 0) this.#check(text, at, places, found);
    }
  }

  #check(text: Uint8Array, at: number, places: number, found: (needle: number, start: number) => void): void {
    for (let place = 0; place < 3; place++) {
      const window = at - place;
      if ((places & (1 << place)) === 0 || window < 0 || window + 4 > text.length) continue;
      let needle = this.#windowNeedles[this.#slotOf(windowAt(text, window))]!;
      for (; needle !== -1; needle = this.#chain[needle]!) {
        const start = window - this.#windowOffsets[needle]!;
        const bytes = this.#needles[needle]!;
        if (start >= 0 && start + bytes.length <= text.length && matchesAt(text, start, bytes, bytes.length)) {
          found(needle, start);
        }
      }
    }
  }

  /** The first position from which the text to its end could be the beginning of a needle, or the text's length. */
  unfinishedStart(text: Uint8Array): number {
    const size = text.length;
    for (let start = Math.max(0, size - this.#longest + 1); start < size - 1; start++) {
      if (this.#firstBytes[text[start]!] === 0) continue;
      for (const needle of this.#byFirstPair.get((text[start]! << 8) | text[start + 1]!) ?? []) {
        const bytes = this.#needles[needle]!;
        if (bytes.length > size - start && matchesAt(text, start, bytes, size - start)) return start;
      }
    }
    return size > 0 && this.#firstBytes[text[size - 1]!] === 1 ? size - 1 : size;
  }
}

function windowAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}

function matchesAt(text: Uint8Array, start: number, needle: Uint8Array, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (text[start + index] !== needle[index]) return false;
  }
  return true;
}

/** How often a byte is seen in build output, roughly, in thousandths. Only the speed depends on it. */
const frequency = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (character === " ") return 100;
  if ("etaoinsrl".includes(character)) return 50;
  if (/[a-z]/.test(character)) return "jqxz".includes(character) ? 5 : 20;
  if (/[0-9./_:-]/.test(character)) return 15;
  if (/[\n=,[\]()"']/.test(character)) return 8;
  return /[A-Z]/.test(character) ? 4 : 1;
});

function rarestWindow(needle: Uint8Array): number {
  let best = 0;
  let lowest = Infinity;
  for (let offset = 0; offset + 4 <= needle.length; offset++) {
    let cost = 0;
    for (let place = offset; place < offset + 3; place++) {
      cost += frequency[needle[place]!]! * frequency[needle[place + 1]!]!;
    }
    if (cost < lowest) {
      lowest = cost;
      best = offset;
    }
  }
  return best;
}
