import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { takeWholeUtf8 } from "./take-whole-utf8.ts";

describe("takeWholeUtf8", () => {
  const awkward = fc
    .array(
      fc.oneof(
        fc.constantFrom("a", "\u00e9", "\u20ac", "\ud83d\ude00", "\ufeff").map((text) => Buffer.from(text)),
        fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
      ),
      { maxLength: 8 },
    )
    .map((parts) => Buffer.concat(parts));

  it("gives, piece by piece, the text of the whole", () => {
    fc.assert(
      fc.property(awkward, fc.integer({ min: 1, max: 5 }), (bytes, step) => {
        let rest = Buffer.alloc(0);
        let text = "";
        for (let at = 0; at < bytes.length; at += step) {
          const pending = Buffer.concat([rest, bytes.subarray(at, at + step)]);
          const taken = takeWholeUtf8(pending);
          text += taken.text;
          rest = pending.subarray(taken.bytesUsed);
          expect(rest.length).toBeLessThanOrEqual(3);
        }
        text += takeWholeUtf8(rest, true).text;
        expect(text).toBe(bytes.toString("utf8"));
      }),
      { numRuns: 5_000 },
    );
  });

  it("keeps back only what can still become a character", () => {
    const used = (...bytes: number[]): number => takeWholeUtf8(Buffer.from(bytes)).bytesUsed;
    expect(used(0x61, 0xe2, 0x82)).toBe(1);
    expect(used(0xf0, 0x9f, 0x98)).toBe(0);
    expect(used(0xe2, 0x82, 0xac)).toBe(3);
    expect(used(0x61, 0xff)).toBe(2);
    expect(used(0xe0, 0x80)).toBe(2);
    expect(used(0x80, 0x80, 0x80, 0x80)).toBe(4);
  });
});
