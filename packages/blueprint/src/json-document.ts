// A JSON reader that remembers where everything stands. JSON.parse would lose two things that an author needs: the place of
// a mistake that only a later check finds, and keys given twice, of which it silently keeps the last. Source: RFC 8259.
import { toPointer } from "@danube/protocol";
import { showValue } from "./blueprint-error.ts";

export interface JsonPlace {
  readonly line: number;
  readonly column: number;
}

export interface JsonMistake extends JsonPlace {
  readonly pointer: string;
  readonly message: string;
}

export interface JsonDocument {
  /** Undefined when the text is not JSON. */
  readonly value: unknown;
  /** What is wrong with the text itself: at most one mistake of syntax, and each key that stands twice in one object. */
  readonly mistakes: readonly JsonMistake[];
  /** Where the value with this JSON pointer begins, or the nearest one around it that exists. */
  placeOf(pointer: string): JsonPlace;
  /** Where the key of the member with this JSON pointer begins; the same as `placeOf` if it has none. */
  placeOfKey(pointer: string): JsonPlace;
}

/** Deeper than any Blueprint; keeps a hostile file from exhausting the stack. */
const deepestNesting = 64;

/** Reads `text`. Never throws: whatever is wrong becomes a mistake. */
export function readJsonDocument(text: string): JsonDocument {
  const values = new Map<string, number>();
  const keys = new Map<string, number>();
  const mistakes: { pointer: string; at: number; message: string }[] = [];
  const reader = createReader(text, { values, keys, mistakes });
  let value: unknown;
  try {
    value = reader.document();
  } catch (error) {
    if (!(error instanceof SyntaxMistake)) throw error;
    mistakes.push({ pointer: "", at: error.at, message: error.message });
  }
  const placeOf = (pointer: string): JsonPlace => {
    for (let around = pointer; ; around = around.slice(0, around.lastIndexOf("/"))) {
      const at = values.get(around);
      if (at !== undefined || around === "") return placeAt(text, at ?? 0);
    }
  };
  return {
    value,
    mistakes: mistakes.map(({ at, ...mistake }) => ({ ...mistake, ...placeAt(text, at) })),
    placeOf,
    placeOfKey: (pointer) => {
      const at = keys.get(pointer);
      return at === undefined ? placeOf(pointer) : placeAt(text, at);
    },
  };
}

class SyntaxMistake extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

interface Findings {
  readonly values: Map<string, number>;
  readonly keys: Map<string, number>;
  readonly mistakes: { pointer: string; at: number; message: string }[];
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// oxlint-disable-next-line no-control-regex -- RFC 8259 forbids exactly these inside a string
const stringPattern = /"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\u0000-\u001f]*)*"/y;
const words: readonly (readonly [string, unknown])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

function createReader(text: string, { values, keys, mistakes }: Findings) {
  let at = 0;

  const skipSpace = (): void => {
    while (at < text.length && " \t\r\n".includes(text[at] as string)) at++;
  };
  const found = (): string => (at >= text.length ? "the end of the file" : showValue(text[at]));
  const expect = (character: string, what: string): void => {
    if (text[at] !== character) throw new SyntaxMistake(at, `expected ${what}, but found ${found()}`);
    at++;
  };

  function document(): unknown {
    const result = value([]);
    skipSpace();
    if (at < text.length) throw new SyntaxMistake(at, `expected the end of the file, but found ${found()}`);
    return result;
  }

  function value(path: readonly (string | number)[]): unknown {
    skipSpace();
    if (path.length > deepestNesting)
      throw new SyntaxMistake(at, `nested deeper than ${deepestNesting} levels, which no Blueprint needs`);
    values.set(toPointer(path), at);
    const character = text[at];
    if (character === "{") return object(path);
    if (character === "[") return array(path);
    if (character === '"') return string();
    for (const [word, meaning] of words)
      if (text.startsWith(word, at)) {
        at += word.length;
        return meaning;
      }
    numberPattern.lastIndex = at;
    const number = numberPattern.exec(text);
    if (number) {
      at += number[0].length;
      return Number(number[0]);
    }
    if (text.startsWith("//", at) || text.startsWith("/*", at))
      throw new SyntaxMistake(at, "JSON has no comments; remove it");
    if (character === "'") throw new SyntaxMistake(at, "JSON takes double quotes only; write \" instead of '");
    throw new SyntaxMistake(at, `expected a value, but found ${found()}`);
  }

  function object(path: readonly (string | number)[]): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const open = at++;
    skipSpace();
    if (text[at] === "}") {
      at++;
      return result;
    }
    for (;;) {
      skipSpace();
      const keyAt = at;
      if (text[at] === "}")
        throw new SyntaxMistake(at, 'a comma before "}" must be followed by another member; remove the comma');
      if (text[at] !== '"') throw new SyntaxMistake(at, `expected a key in double quotes, but found ${found()}`);
      const key = string();
      const pointer = toPointer([...path, key]);
      if (key === "__proto__") throw new SyntaxMistake(keyAt, 'the key "__proto__" is not allowed');
      if (keys.has(pointer)) {
        const first = placeAt(text, keys.get(pointer) as number);
        mistakes.push({
          pointer,
          at: keyAt,
          message: `the key ${showValue(key)} stands here a second time (the first is in line ${first.line}); remove one`,
        });
      } else keys.set(pointer, keyAt);
      skipSpace();
      expect(":", `":" after the key ${showValue(key)}`);
      result[key] = value([...path, key]);
      skipSpace();
      if (text[at] === "}") {
        at++;
        return result;
      }
      if (at >= text.length)
        throw new SyntaxMistake(
          at,
          `the object that begins in line ${placeAt(text, open).line} is never closed with "}"`,
        );
      expect(",", `"," or "}" after the value of ${showValue(key)}`);
    }
  }

  function array(path: readonly (string | number)[]): unknown[] {
    const result: unknown[] = [];
    const open = at++;
    skipSpace();
    if (text[at] === "]") {
      at++;
      return result;
    }
    for (;;) {
      skipSpace();
      if (text[at] === "]")
        throw new SyntaxMistake(at, 'a comma before "]" must be followed by another value; remove the comma');
      result.push(value([...path, result.length]));
      skipSpace();
      if (text[at] === "]") {
        at++;
        return result;
      }
      if (at >= text.length)
        throw new SyntaxMistake(
          at,
          `the list that begins in line ${placeAt(text, open).line} is never closed with "]"`,
        );
      expect(",", '"," or "]" after a value of the list');
    }
  }

  function string(): string {
    stringPattern.lastIndex = at;
    const match = stringPattern.exec(text);
    if (!match) {
      const end = /["\r\n]/.exec(text.slice(at + 1));
      throw new SyntaxMistake(
        at,
        end?.[0] === '"'
          ? "this text has an escape or a control character that JSON does not know"
          : "this text is never closed with a double quote",
      );
    }
    at += match[0].length;
    return JSON.parse(match[0]) as string;
  }

  return { document };
}

function placeAt(text: string, at: number): JsonPlace {
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - before.lastIndexOf("\n") };
}
