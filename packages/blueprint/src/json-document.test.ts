import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readJsonDocument } from "./json-document.ts";

test("reads every JSON value as JSON.parse does", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2, "\t"), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      if (text.includes('"__proto__"')) return;
      expect(readJsonDocument(text)).toMatchObject({ value: JSON.parse(text), mistakes: [] });
    }),
  );
});

test("refuses whatever JSON.parse refuses", () => {
  const text = '{"a": [1, -2.5e3, "x\\u00e9\\n", true, null], "b": {}}';
  fc.assert(
    fc.property(
      fc.nat(text.length),
      fc.nat(2),
      fc.constantFrom(
        "",
        '"',
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "0",
        "-",
        ".",
        "e",
        "\\",
        "\n",
        "t",
        " ",
        "\u0000",
        "\u00a0",
      ),
      (at, remove, insert) => {
        const changed = text.slice(0, at) + insert + text.slice(at + remove);
        let expected: unknown;
        try {
          expected = JSON.parse(changed);
        } catch {
          expect(readJsonDocument(changed).mistakes).toHaveLength(1);
          return;
        }
        expect(readJsonDocument(changed).value).toEqual(expected);
      },
    ),
    { numRuns: 2_000 },
  );
});

test.each([
  ["", 1, 1, "expected a value, but found the end of the file"],
  ["{\n  a: 1\n}", 2, 3, 'expected a key in double quotes, but found "a"'],
  ["{'a': 1}", 1, 2, 'expected a key in double quotes, but found "\'"'],
  ["{\"a\": 'x'}", 1, 7, "JSON takes double quotes only; write \" instead of '"],
  ['{"a": 1,\n}', 2, 1, 'a comma before "}" must be followed by another member; remove the comma'],
  ["[1,\n 2,\n]", 3, 1, 'a comma before "]" must be followed by another value; remove the comma'],
  ['{\n"a" 1}', 2, 5, 'expected ":" after the key "a", but found "1"'],
  ['{"a": 1\n "b": 2}', 2, 2, 'expected "," or "}" after the value of "a", but found "\\""'],
  ['{"a": [1,\n  2 3]}', 2, 5, 'expected "," or "]" after a value of the list, but found "3"'],
  ['\n{"a": 1', 2, 8, 'the object that begins in line 2 is never closed with "}"'],
  ['\n["a"', 2, 5, 'the list that begins in line 2 is never closed with "]"'],
  ['{"a": "x\n"}', 1, 7, "this text is never closed with a double quote"],
  ['{"a": "\\x"}', 1, 7, "this text has an escape or a control character that JSON does not know"],
  ["{} {}", 1, 4, 'expected the end of the file, but found "{"'],
  ["// hello\n{}", 1, 1, "JSON has no comments; remove it"],
  ['{"a": undefined}', 1, 7, 'expected a value, but found "u"'],
  ['{"__proto__": 1}', 1, 2, 'the key "__proto__" is not allowed'],
  ["[".repeat(100), 1, 66, "nested deeper than 64 levels, which no Blueprint needs"],
])("%j is refused at its place", (text, line, column, message) => {
  expect(readJsonDocument(text)).toMatchObject({
    value: undefined,
    mistakes: [{ pointer: "", line, column, message }],
  });
});

test("finds a key that stands twice in one object, and only there", () => {
  const text = '{\n  "a": {"b": 1, "b": 2},\n  "c": {"b": 3},\n  "a": 4\n}';
  expect(readJsonDocument(text).mistakes).toEqual([
    {
      pointer: "/a/b",
      line: 2,
      column: 17,
      message: 'the key "b" stands here a second time (the first is in line 2); remove one',
    },
    {
      pointer: "/a",
      line: 4,
      column: 3,
      message: 'the key "a" stands here a second time (the first is in line 2); remove one',
    },
  ]);
});

test("knows where values and keys stand, and for a missing one what is around it", () => {
  const document = readJsonDocument('{\n  "a/b": [\n    1,\n    {"c": 2}\n  ]\n}');
  expect(document.placeOf("/a~1b/1/c")).toEqual({ line: 4, column: 11 });
  expect(document.placeOfKey("/a~1b/1/c")).toEqual({ line: 4, column: 6 });
  expect(document.placeOf("/a~1b/1/missing/deep")).toEqual({ line: 4, column: 5 });
  expect(document.placeOf("/none")).toEqual({ line: 1, column: 1 });
});

test("reads a megabyte in one string", () => {
  const text = JSON.stringify({ long: 'x"\n'.repeat(200_000) });
  expect(readJsonDocument(text).value).toEqual(JSON.parse(text));
});
