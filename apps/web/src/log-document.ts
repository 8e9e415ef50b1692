import { AnsiState, renderLine, type Span } from "./ansi-line.ts";

/** A line to show. `offset` is the byte of the log at which it begins. */
export interface LogLine {
  readonly offset: number;
  readonly spans: readonly Span[];
}

/** The text of a log as lines, growing at its end. */
export class LogDocument {
  readonly #lines: LogLine[] = [];
  readonly #state = new AnsiState();
  /** The last line, which has no line feed yet. */
  #rest = "";
  #restOffset = 0;
  #end = 0;

  /** How many lines there are, the unfinished one included. */
  get lineCount(): number {
    return this.#lines.length + (this.#rest === "" ? 0 : 1);
  }

  /** Adds the text that ends before byte `end` of the log. */
  append(text: string, end: number): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      this.#lines.push({ offset: this.#restOffset, spans: renderLine(line, this.#state) });
      this.#restOffset += utf8Length(line) + 1;
    }
    this.#end = end;
    if (this.#rest === "") this.#restOffset = end;
  }

  get endOffset(): number {
    return this.#end;
  }

  /** The lines from `from` up to `to`, as far as there are any. */
  lines(from: number, to: number): LogLine[] {
    const lines = this.#lines.slice(from, to);
    if (this.#rest !== "" && from <= this.#lines.length && to > this.#lines.length) {
      // It is shown many times; what it does to the colours counts once it is finished.
      lines.push({ offset: this.#restOffset, spans: renderLine(this.#rest, this.#state.copy()) });
    }
    return lines;
  }

  /** The line in which byte `offset` of the log is. */
  lineAt(offset: number): number {
    let low = 0;
    let high = this.#lines.length;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lines[middle]?.offset ?? Number.POSITIVE_INFINITY) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
