// Finds a text in a log, line by line in effect, block by block in fact.

export interface LogMatch {
  /** Where the match begins and ends. */
  readonly start: number;
  readonly end: number;
  /** The line it is in, from 1, and where that line begins. */
  readonly lineNumber: number;
  readonly lineStart: number;
  /** The line around the match as text, at most 1,000 bytes of it. */
  readonly text: string;
}

export interface LogSearch {
  readonly text: string;
  /** The most matches to return; at most one for each line. */
  readonly limit: number;
  /** Treats A to Z like a to z; other letters stay different. */
  readonly ignoreCase?: boolean;
  readonly signal?: AbortSignal;
}

export interface LogSearchResult {
  readonly matches: LogMatch[];
  /** Whether there may be more matches than these. */
  readonly truncated: boolean;
}

const contextBytes = 1_000;
const newlineByte = 0x0a;

/** `blocks` are the log's bytes in order, `read` reads some of them again. */
export async function searchLog(
  blocks: AsyncIterable<Buffer>,
  read: (start: number, length: number) => Promise<Buffer>,
  { text, limit, ignoreCase = false }: LogSearch,
): Promise<LogSearchResult> {
  const fold = ignoreCase ? lowerCase : (bytes: Buffer): Buffer => bytes;
  const needle = fold(Buffer.from(text));
  const found: Omit<LogMatch, "text">[] = [];
  if (needle.length === 0 || limit <= 0) return { matches: [], truncated: false };
  const lines = new LineCounter();
  let rest: Buffer = Buffer.alloc(0);
  let restStart = 0;
  for await (const block of blocks) {
    const bytes = Buffer.concat([rest, block]);
    const folded = fold(bytes);
    let from = 0;
    for (let at = folded.indexOf(needle); at >= 0; at = folded.indexOf(needle, from)) {
      lines.countTo(bytes, restStart, restStart + at);
      const start = restStart + at;
      if (found.at(-1)?.lineNumber !== lines.number) {
        if (found.length === limit) return { matches: await withText(found, read), truncated: true };
        found.push({ start, end: start + needle.length, lineNumber: lines.number, lineStart: lines.start });
      }
      // On to the next line: a line is told once.
      const lineEnd = bytes.indexOf(newlineByte, at);
      from = lineEnd < 0 ? bytes.length : Math.max(lineEnd, at + 1);
    }
    // A match may begin in the last bytes and end in the next block.
    const keep = Math.min(bytes.length, needle.length - 1);
    lines.countTo(bytes, restStart, restStart + bytes.length - keep);
    rest = Buffer.from(bytes.subarray(bytes.length - keep));
    restStart += bytes.length - keep;
  }
  return { matches: await withText(found, read), truncated: false };
}

async function withText(
  found: readonly Omit<LogMatch, "text">[],
  read: (start: number, length: number) => Promise<Buffer>,
): Promise<LogMatch[]> {
  const matches: LogMatch[] = [];
  for (const match of found) {
    const from = Math.max(match.lineStart, match.start - contextBytes / 4);
    const bytes = await read(from, contextBytes);
    const lineEnd = bytes.indexOf(newlineByte, match.start - from);
    matches.push({ ...match, text: bytes.toString("utf8", 0, lineEnd < 0 ? bytes.length : lineEnd) });
  }
  return matches;
}

class LineCounter {
  number = 1;
  start = 0;
  #counted = 0;

  /** Goes on to `position` of the log; `bytes` begin at `bytesStart` and hold everything between. */
  countTo(bytes: Buffer, bytesStart: number, position: number): void {
    const end = position - bytesStart;
    for (let at = this.#counted - bytesStart; at < end; at++) {
      if (bytes[at] !== newlineByte) continue;
      this.number++;
      this.start = bytesStart + at + 1;
    }
    this.#counted = Math.max(this.#counted, position);
  }
}

function lowerCase(bytes: Buffer): Buffer {
  const lower = Buffer.allocUnsafe(bytes.length);
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]!;
    lower[index] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
  }
  return lower;
}
