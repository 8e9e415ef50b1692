// Data goes to stdout, words for people to stderr; colour only where a terminal wants it.
import { styleText } from "node:util";

export interface Output {
  /** One JSON value on a line of its own, on stdout. */
  json(value: unknown): void;
  /** Data for people or scripts, on stdout. */
  data(text: string): void;
  /** A note on stderr. */
  note(text: string): void;
  style(format: "green" | "red" | "yellow" | "cyan" | "dim" | "bold", text: string): string;
}

export function createOutput(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Output {
  return {
    json: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    data: (text) => void stdout.write(text),
    note: (text) => void stderr.write(`${text}\n`),
    style: (format, text) => styleText(format, text, { stream: stderr }),
  };
}

/** Rows as aligned columns, the first row being the heading. Control characters of other people's data are made visible. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => (row[column] ?? "").length)));
  return clean
    .map((row) =>
      row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("  "),
    )
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}

/** Text of foreign origin without control characters, so that a branch name cannot drive the terminal. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
