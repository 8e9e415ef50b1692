// Values in a shell script. Source: POSIX.1-2017, Shell Command Language, section 2.2 (Quoting).
import type { ShellValue } from "../step.ts";
import { findBadPlace } from "./shell-place.ts";

/** The script of a tagged template, each value quoted. Throws a TypeError for a value that cannot be put where it stands. */
export function buildShellScript(strings: TemplateStringsArray, values: readonly ShellValue[]): string {
  let script = "";
  for (const [index, text] of strings.entries()) {
    // An invalid escape such as `\u{` leaves no text.
    if (text === undefined) throw new TypeError("The command holds an escape sequence that JavaScript does not know.");
    script += text;
    if (index === strings.length - 1) break;
    const place = findBadPlace(script);
    if (place !== undefined)
      throw new TypeError(
        `A value stands ${place} after \`${script.slice(-30)}\`. Values are quoted already and must stand on their own: take it out of there.`,
      );
    script += quoteValue(values[index]);
  }
  if (script.trim() === "") throw new TypeError("The command is empty.");
  return script;
}

/** One word, or several for an array, quoted where need be. */
export function quoteValue(value: unknown): string {
  if (Array.isArray(value)) return value.map(quoteScalar).join(" ");
  return quoteScalar(value);
}

// Words that mean themselves wherever they stand. Without a letter they might be a file descriptor (`2>`), and the shell's
// own words must be quoted to be ordinary ones.
const plainWord = /^(?=.*[A-Za-z])[A-Za-z0-9_./:@%+,-]+$/;
const shellWords = new Set(
  "if then else elif fi do done case esac while until for in select function time coproc".split(" "),
);

function quoteScalar(value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
    throw new TypeError(
      `A value in a command must be a string, number, boolean or an array of those, not ${String(value)}.`,
    );
  const text = String(value);
  if (text.includes("\0")) throw new TypeError("A value in a command must not hold a NUL character.");
  if (plainWord.test(text) && !shellWords.has(text)) return text;
  return `'${text.replaceAll("'", "'\\''")}'`;
}
