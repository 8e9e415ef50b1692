import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogDocument } from "./log-document.ts";

const textsOf = (log: LogDocument) =>
  log.lines(0, Number.POSITIVE_INFINITY).map(({ spans }) => spans.map(({ text }) => text).join(""));

/** A log of these pieces, with the offsets that the server gives. */
function write(...pieces: string[]): LogDocument {
  const log = new LogDocument();
  let end = 0;
  for (const piece of pieces) log.append(piece, (end += new TextEncoder().encode(piece).length));
  return log;
}

describe("LogDocument", () => {
  test("makes lines of pieces, and shows the last one before it is finished", () => {
    const log = write("one\ntw", "o\nthr");
    expect(textsOf(log)).toEqual(["one", "two", "thr"]);
    log.append("ee\n", 14);
    expect(textsOf(log)).toEqual(["one", "two", "three"]);
    expect(log.lineCount).toBe(3);
  });

  test("the same text gives the same lines and colours, however it is cut", () => {
    const text = "a\x1b[31mb\nc ✓\x1b[0m\n10%\r20%\n\nend";
    const whole = write(text);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 6 }), (cuts) => {
        const places = [0, ...[...cuts].sort((one, other) => one - other), text.length];
        const log = write(...places.slice(1).map((place, index) => text.slice(places[index], place)));
        expect(log.lines(0, 99)).toEqual(whole.lines(0, 99));
      }),
    );
  });

  test("gives any window of lines", () => {
    const log = write(Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join(""), "rest");
    expect(log.lineCount).toBe(101);
    expect(log.lines(98, 200).map(({ spans }) => spans[0]?.text)).toEqual(["line 98", "line 99", "rest"]);
    expect(log.lines(200, 300)).toEqual([]);
  });

  test("knows where in the log each line begins, in bytes", () => {
    const log = write("äö\n", "x\n😀\n", "rest");
    expect(log.lines(0, 9).map(({ offset }) => offset)).toEqual([0, 5, 7, 12]);
    expect([0, 4, 5, 6, 7, 11, 12, 99].map((offset) => log.lineAt(offset))).toEqual([0, 0, 1, 1, 2, 2, 2, 2]);
  });
});
