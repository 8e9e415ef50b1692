import fc from "fast-check";
import { expect, it } from "vitest";
import { collect, createTestClient, sha256, startTestServer } from "./testing/test-service.ts";

it("carries any sequence of payloads over a real connection unchanged and in order", async () => {
  const server = await startTestServer();
  const client = createTestClient(server.url);
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // Sizes around those of chunks, windows and frames, filled with newlines, braces and zeros.
    fc
      .tuple(fc.constantFrom(16_383, 16_384, 65_535, 65_536, 262_144, 1_048_576), fc.constantFrom(10, 0, 123))
      .map(([size, fill]) => new Uint8Array(size).fill(fill)),
  );
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(payload, { maxLength: 12 }), async (payloads) => {
        const call = client.pipe({ greeting: "" });
        const answers = collect(call);
        for (const [sequence, bytes] of payloads.entries()) await call.send({ sequence, length: bytes.length }, bytes);
        call.end();
        expect(await answers).toEqual(
          payloads.map((bytes, sequence) => ({ sequence, sha256: sha256(bytes), sizeBytes: bytes.length })),
        );
      }),
      { numRuns: 40 },
    );
  } finally {
    await client.close();
    await server.close();
  }
});
