import { describe, expect, it } from "vitest";
import { type ExtentRecord, encodeRecord, IndexDecoder, indexHeader } from "./index-format.ts";
import { LogIndex } from "./log-index.ts";

const extent = (changes: Partial<ExtentRecord>): ExtentRecord => ({
  type: "extent",
  source: 0,
  ended: false,
  sourceStart: 0,
  sourceEnd: 5,
  carry: -1,
  logStart: 0,
  logEnd: 5,
  logCrc: 0,
  timeMs: 1_700_000_000_000,
  ...changes,
});

describe("LogIndex", () => {
  const started = (): LogIndex => {
    const index = new LogIndex();
    index.accept({ type: "source", id: 0, name: "a" });
    index.accept(extent({}));
    return index;
  };

  it("takes in records that follow each other", () => {
    const index = started();
    expect(index.accept(extent({ sourceStart: 5, sourceEnd: 9, logStart: 5, logEnd: 8, carry: 2, ended: true }))).toBe(
      true,
    );
    expect(index.sizeBytes).toBe(8);
    expect(index.sources).toEqual([{ name: "a", state: { offset: 9, carry: 2 }, ended: true }]);
  });

  it.each([
    ["of an unknown source", { source: 1, sourceStart: 5, logStart: 5, logEnd: 6 }],
    ["that leaves out bytes of its source", { sourceStart: 6, sourceEnd: 7, logStart: 5, logEnd: 6 }],
    ["that goes back in its source", { sourceStart: 5, sourceEnd: 4, logStart: 5, logEnd: 6 }],
    ["that leaves out bytes of the log", { sourceStart: 5, logStart: 6, logEnd: 7 }],
    ["that goes back in the log", { sourceStart: 5, logStart: 5, logEnd: 4 }],
    ["that is no number", { sourceStart: 5, logStart: 5, logEnd: Number.NaN }],
  ])("refuses an extent %s", (_, changes) => {
    const index = started();
    expect(index.accept(extent(changes))).toBe(false);
    expect(index.sizeBytes).toBe(5);
  });

  it("refuses what follows a source's end, and a source out of turn", () => {
    const index = started();
    index.accept(extent({ sourceStart: 5, logStart: 5, ended: true }));
    expect(index.accept(extent({ sourceStart: 5, logStart: 5 }))).toBe(false);
    expect(index.accept({ type: "source", id: 2, name: "c" })).toBe(false);
  });
});

describe("IndexDecoder", () => {
  it("gives back what was encoded, however it is cut into pieces", () => {
    const records = [
      { type: "source", id: 0, name: "step:0190a000-0000-7000-8000-000000000001/output" } as const,
      extent({ carry: 70_000, logCrc: 0xffff_ffff, sourceEnd: 2 ** 52, logEnd: 2 ** 52 + 1, ended: true }),
      { type: "source", id: 1, name: "pipeline" } as const,
    ];
    const bytes = Buffer.concat([indexHeader, ...records.map(encodeRecord)]);
    for (let step = 1; step <= bytes.length; step++) {
      const decoded: unknown[] = [];
      const decoder = new IndexDecoder((record) => decoded.push(record) > 0);
      for (let at = 0; at < bytes.length; at += step) {
        expect(decoder.position).toBe(at);
        decoder.push(bytes.subarray(at, at + step));
      }
      expect(decoded).toEqual(records);
      expect([decoder.validBytes, decoder.damaged]).toEqual([bytes.length, false]);
    }
  });
});
