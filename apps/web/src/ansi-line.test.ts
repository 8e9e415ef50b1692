/* oxlint-disable no-control-regex -- control characters are what this is about */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AnsiState, renderLine } from "./ansi-line.ts";

const render = (line: string, state = new AnsiState()) => renderLine(line, state);
const textOf = (line: string) =>
  render(line)
    .map(({ text }) => text)
    .join("");

describe("renderLine", () => {
  test("leaves plain text as it is, markup included", () => {
    expect(render("<b>& ünïcode 😀\ttab</b>")).toEqual([{ text: "<b>& ünïcode 😀\ttab</b>" }]);
    expect(render("")).toEqual([]);
  });

  test("gives colours and decorations as classes", () => {
    expect(render("\x1b[1;31mbad\x1b[0m good \x1b[92;44mboth\x1b[m")).toEqual([
      { text: "bad", className: "ansi-bold ansi-red" },
      { text: " good " },
      { text: "both", className: "ansi-bright-green ansi-blue-bg" },
    ]);
  });

  test("gives the larger palettes as CSS colours", () => {
    expect(render("\x1b[38;5;196ma\x1b[48;2;1;20;255mb")).toEqual([
      { text: "a", color: "rgb(255, 0, 0)" },
      { text: "b", color: "rgb(255, 0, 0)", background: "rgb(1, 20, 255)" },
    ]);
    expect(render("\x1b[38;5;244ma")).toEqual([{ text: "a", color: "rgb(128, 128, 128)" }]);
  });

  test("colours go on with the next line until they are put off", () => {
    const state = new AnsiState();
    expect(render("\x1b[32mone", state)).toEqual([{ text: "one", className: "ansi-green" }]);
    expect(render("two", state)).toEqual([{ text: "two", className: "ansi-green" }]);
    expect(render("thr\x1b[0mee", state)).toEqual([{ text: "thr", className: "ansi-green" }, { text: "ee" }]);
    expect(render("four", state)).toEqual([{ text: "four" }]);
  });

  test("a copy of the state has no effect on it", () => {
    const state = new AnsiState();
    render("\x1b[1mone", state);
    render("\x1b[31;4mtwo", state.copy());
    expect(render("three", state)).toEqual([{ text: "three", className: "ansi-bold" }]);
  });

  test.each([
    ["10%\r50%\r100%", "100%"],
    ["hello\rJ", "Jello"],
    ["long text\r\x1b[Kshort", "short"],
    ["long text\rab\x1b[K", "ab"],
    ["windows\r", "windows"],
    ["\r\rx\r", "x"],
    ["😀😀\rx", "x😀"],
  ])("%j is shown as %j", (line, shown) => {
    expect(textOf(line)).toBe(shown);
  });

  test("what is written over keeps its own colours", () => {
    expect(render("\x1b[31mred\x1b[0m\rg")).toEqual([{ text: "g" }, { text: "ed", className: "ansi-red" }]);
  });

  test.each([
    ["\x1b]0;title\x07text", "text"],
    ["\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"],
    ["\x1b[2J\x1b[Htext\x1b[?25l", "text"],
    ["\x1b(Btext\x1b=", "text"],
    ["a\x00b\x08c\x7fd", "abcd"],
  ])("%j shows nothing but %j", (line, shown) => {
    expect(textOf(line)).toBe(shown);
  });

  test("any line gives text without controls, and colours that are colours", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom("\x1b[", "\x1b]", "m", ";", "\r", "\x1b[K", "38;5;", "38;2;1;2;3m", "\x1b[1m", "999999"),
    );
    fc.assert(
      fc.property(fc.array(fc.array(piece).map((pieces) => pieces.join("").replaceAll("\n", ""))), (lines) => {
        const state = new AnsiState();
        for (const span of lines.flatMap((line) => renderLine(line, state))) {
          expect(span.text).not.toMatch(/[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f]/);
          expect(span.className ?? "").toMatch(/^[a-z- ]*$/);
          for (const color of [span.color, span.background]) {
            if (color !== undefined) expect(color).toMatch(/^rgb\(\d+, ?\d+, ?\d+\)$/);
          }
        }
      }),
    );
  });

  test("a line that decorates for ever costs no more and more", () => {
    const state = new AnsiState();
    for (let count = 0; count < 1_000; count += 1) render("\x1b[1m\x1b[4mx", state);
    expect(render("x", state)).toEqual([{ text: "x", className: "ansi-bold ansi-underline" }]);
    expect((state.anser as unknown as { decorations: unknown[] }).decorations.length).toBe(2);
  });
});
