// One line of a log as a terminal would show it: colours, and what a carriage return writes over.
/* oxlint-disable no-control-regex -- control characters are what this is about */
import Anser from "anser";

export interface Span {
  readonly text: string;
  /** CSS classes for the sixteen named colours and for decorations, with spaces between them. */
  readonly className?: string;
  /** Colours of the larger palettes, as CSS. */
  readonly color?: string;
  readonly background?: string;
}

/** Colours go on from line to line, as in a terminal. */
export class AnsiState {
  readonly anser = new Anser();
  isPlain = true;

  /** The same colours, on which nothing that happens to the copy has an effect. */
  copy(): AnsiState {
    const copy = new AnsiState();
    Object.assign(copy.anser, this.anser, { decorations: [...decorationsOf(this.anser)] });
    copy.isPlain = this.isPlain;
    return copy;
  }
}

/** Not in Anser's types: what is on now, by name. */
function decorationsOf(anser: Anser): Anser.DecorationName[] {
  return (anser as unknown as { decorations: Anser.DecorationName[] }).decorations;
}

interface Cell {
  readonly character: string;
  readonly style: Omit<Span, "text">;
}

/** A line without escapes or controls, while no colour is on, is what it is. */
const plainLine = /^[^\x00-\x08\x0b-\x1f\x7f]*$/;
/** Operating system commands (titles, links), character sets and the like: none of a log's business. */
const foreignEscapes = /\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ #%()*+][\x20-\x7e]|\x1b[=>78cDEHMNOZ]/g;
const controls = /[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
/** Back to the start of the line, or erase what is right of here. */
const moves = /(\r|\x1b\[0?K)/;
/** Longer lines are not laid out in cells: only what follows the last carriage return is shown. */
const longestCells = 20_000;

/** The spans of a line, and the state after it. `line` has no line feed. */
export function renderLine(line: string, state: AnsiState): Span[] {
  if (state.isPlain && plainLine.test(line)) return line === "" ? [] : [{ text: line }];
  const clean = line.replace(foreignEscapes, "").replace(controls, "").replace(/\r+$/, "");
  if (!moves.test(clean)) return renderPiece(clean, state);
  if (clean.length > longestCells) return renderPiece(clean.slice(clean.lastIndexOf("\r") + 1), state);
  return joinCells(layOut(clean, state));
}

/** `anser` gives the text before the first escape no colour: an escape that changes nothing makes it go on with the last one. */
const goOn = "\x1b[999m";

function renderPiece(piece: string, state: AnsiState): Span[] {
  const { anser } = state;
  const entries = anser.ansiToJson(`${goOn}${piece}`, { json: true, remove_empty: false, use_classes: true });
  const last = entries.at(-1);
  // A log that says "bold" a million times must not make a list of a million.
  const decorations = [...new Set(decorationsOf(anser))];
  Object.assign(anser, { decorations });
  state.isPlain = !last?.fg && !last?.bg && decorations.length === 0;
  return entries.flatMap((entry) => (entry.content === "" ? [] : [toSpan(entry)]));
}

function toSpan({ content, fg, bg, fg_truecolor, bg_truecolor, decorations }: Anser.AnserJsonEntry): Span {
  const classes = [...new Set<string>(decorations)].map((name) => `ansi-${name}`);
  const named = (color: string | null): color is string =>
    !!color && /^ansi-[a-z-]+$/.test(color) && color !== "ansi-truecolor";
  if (named(fg)) classes.push(fg);
  if (named(bg)) classes.push(`${bg}-bg`);
  const color = named(fg) ? undefined : toCss(fg, fg_truecolor);
  const background = named(bg) ? undefined : toCss(bg, bg_truecolor);
  return {
    text: content,
    ...(classes.length === 0 ? {} : { className: classes.join(" ") }),
    ...(color === undefined ? {} : { color }),
    ...(background === undefined ? {} : { background }),
  };
}

function toCss(color: string | null, truecolor: string | null): string | undefined {
  const index = /^ansi-palette-(\d{1,3})$/.exec(color ?? "")?.[1];
  const rgb = index === undefined ? truecolor : paletteColor(Number(index));
  return color && rgb && /^\d{1,3}, ?\d{1,3}, ?\d{1,3}$/.test(rgb) ? `rgb(${rgb})` : undefined;
}

/** The colours 16 to 255 of xterm: a cube of 6 × 6 × 6 and a ramp of greys. */
function paletteColor(index: number): string {
  if (index >= 232)
    return Array(3)
      .fill(8 + (index - 232) * 10)
      .join(", ");
  const levels = [0, 95, 135, 175, 215, 255];
  const at = index - 16;
  return [Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map((level) => levels[level]).join(", ");
}

function layOut(line: string, state: AnsiState): Cell[] {
  const cells: Cell[] = [];
  let column = 0;
  for (const piece of line.split(moves)) {
    if (piece === "\r") column = 0;
    else if (piece.endsWith("K") && piece.startsWith("\x1b")) cells.length = Math.min(cells.length, column);
    else
      for (const { text, ...style } of renderPiece(piece, state))
        for (const character of text) cells[column++] = { character, style };
  }
  return cells;
}

function joinCells(cells: readonly Cell[]): Span[] {
  const spans: { text: string; style: Cell["style"] }[] = [];
  for (const { character, style } of cells) {
    const last = spans.at(-1);
    if (last !== undefined && isSame(last.style, style)) last.text += character;
    else spans.push({ text: character, style });
  }
  return spans.map(({ text, style }) => ({ text, ...style }));
}

function isSame(one: Cell["style"], other: Cell["style"]): boolean {
  return one.className === other.className && one.color === other.color && one.background === other.background;
}
