import { DanubeError } from "@danube/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BodyReader } from "./body-reader.ts";
import { createFrameReader } from "./frame-reader.ts";

/** A body that arrives in the given pieces; `whole` is what its trailer says. */
function bodyOf(pieces: readonly Uint8Array[], whole = true): BodyReader {
  const left = pieces.map((piece) => Buffer.from(piece));
  return {
    next: async () => left.shift(),
    checkWhole() {
      if (!whole) throw new DanubeError("connection_lost", "cut");
    },
    discard: () => undefined,
  };
}

/** `bytes` cut at arbitrary places; empty pieces are possible. */
function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...cuts.map((place) => place % (bytes.length + 1)), 0, bytes.length].sort((a, b) => a - b);
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place));
}

const options = { maxLineBytes: 10_000, code: "invalid_request" } as const;

describe("the frame reader", () => {
  it("gives back every line and payload, however the bytes are cut up", async () => {
    const frame = fc.record({ text: fc.string({ maxLength: 30 }), payload: fc.uint8Array({ maxLength: 200 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 20 }),
        async (frames, cuts) => {
          const bytes = Buffer.concat(
            frames.flatMap(({ text, payload }) => [
              Buffer.from(`${JSON.stringify({ text, length: payload.length })}\n`),
              payload,
            ]),
          );
          const reader = createFrameReader(bodyOf(cut(bytes, cuts)), options);
          const seen = [];
          for (let line = await reader.line(); line; line = await reader.line()) {
            const { text, length } = JSON.parse(line.toString()) as { text: string; length: number };
            // Copied at once, as the next read must not change what was handed out before.
            seen.push({ text, payload: new Uint8Array(await reader.bytes(length)) });
          }
          expect(seen).toEqual(frames);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("never ends before the end: a body cut anywhere is an error", async () => {
    const bytes = Buffer.from('{"length":4}\nabcd{"length":0}\n');
    for (let size = 0; size <= bytes.length; size += 1) {
      const reader = createFrameReader(bodyOf([bytes.subarray(0, size)], false), options);
      const readAll = async (): Promise<void> => {
        for (let line = await reader.line(); line; line = await reader.line())
          await reader.bytes((JSON.parse(line.toString()) as { length: number }).length);
      };
      await expect(readAll()).rejects.toMatchObject({ code: "connection_lost" });
    }
  });

  it("refuses a whole body that ends within a line or a payload", async () => {
    const inLine = createFrameReader(bodyOf([Buffer.from("abc")]), options);
    await expect(inLine.line()).rejects.toMatchObject({ code: "invalid_request" });
    const inPayload = createFrameReader(bodyOf([Buffer.from("a\nbc")]), options);
    await inPayload.line();
    await expect(inPayload.bytes(3)).rejects.toMatchObject({ code: "connection_lost" });
  });

  it("refuses a line beyond the limit without waiting for its end", async () => {
    const endless: BodyReader = {
      next: async () => Buffer.alloc(1_000, "x"),
      checkWhole: () => undefined,
      discard: () => undefined,
    };
    await expect(createFrameReader(endless, options).line()).rejects.toMatchObject({ code: "payload_too_large" });
  });

  it("hands out a payload inside one chunk without a copy", async () => {
    const chunk = Buffer.from("x\nabcdef");
    const reader = createFrameReader({ ...bodyOf([]), next: async () => chunk }, options);
    await reader.line();
    expect((await reader.bytes(6)).buffer).toBe(chunk.buffer);
  });
});
