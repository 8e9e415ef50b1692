import { describe, expect, test } from "vitest";
import { decideRange } from "./byte-range.ts";

describe("decideRange", () => {
  const part = (start: number, end: number) => ({ kind: "part", range: { start, end } });
  test.each([
    [undefined, { kind: "whole" }],
    ["bytes=0-0", part(0, 1)],
    ["bytes=0-9", part(0, 10)],
    ["bytes=4-", part(4, 10)],
    ["bytes=4-100", part(4, 10)],
    ["bytes=-3", part(7, 10)],
    ["bytes=-100", part(0, 10)],
    ["Bytes=9-9", part(9, 10)],
    ["bytes=10-", { kind: "unsatisfiable" }],
    ["bytes=-0", { kind: "unsatisfiable" }],
    ["bytes=5-4", { kind: "whole" }],
    ["bytes=-", { kind: "whole" }],
    ["bytes=0-1,3-4", { kind: "whole" }],
    ["lines=0-1", { kind: "whole" }],
    ["bytes=a-b", { kind: "whole" }],
  ])("%s of 10 bytes", (header, decision) => {
    expect(decideRange(header, 10)).toEqual(decision);
  });

  test("nothing of nothing can be had", () => {
    expect(decideRange("bytes=0-", 0)).toEqual({ kind: "unsatisfiable" });
    expect(decideRange("bytes=-5", 0)).toEqual({ kind: "unsatisfiable" });
  });
});
