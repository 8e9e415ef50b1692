import { describe, expect, test } from "vitest";
import { durationOf, formatDuration } from "./format.ts";

describe("formatDuration", () => {
  test.each([
    [-5, "0 ms"],
    [850.4, "850 ms"],
    [59_999, "59 s"],
    [65_000, "1 m 05 s"],
    [7_800_000, "2 h 10 m"],
  ])("%s is %s", (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

test("durationOf counts on until the end is known, and not before the beginning", () => {
  const startedAt = "2026-01-01T00:00:00.000Z";
  expect(durationOf({}, 0)).toBeUndefined();
  expect(durationOf({ startedAt }, Date.parse(startedAt) + 5_000)).toBe("5 s");
  expect(durationOf({ startedAt, finishedAt: "2026-01-01T00:00:02.000Z" }, Date.now())).toBe("2 s");
});
