import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIdGenerator, newId } from "./id.ts";

const uuidV7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function generatorAt(times: () => number, fill = 0xff) {
  return createIdGenerator({
    clock: { now: () => new Date(times()) },
    randomFill: (target) => void target.fill(fill),
  });
}

describe("ids", () => {
  it("are UUIDv7s that begin with the time", () => {
    const id = generatorAt(() => Date.parse("2026-01-31T12:00:00.000Z"))();
    expect(id).toMatch(uuidV7);
    expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(Date.parse("2026-01-31T12:00:00.000Z"));
  });

  it("grow whatever the clock does and whatever chance gives", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: 1 }),
        fc.integer({ min: 0, max: 255 }),
        (times, fill) => {
          let at = 0;
          const next = generatorAt(() => times[at++ % times.length] as number, fill);
          const ids = Array.from({ length: times.length * 3 }, () => next());
          for (const id of ids) expect(id).toMatch(uuidV7);
          expect(ids).toEqual([...new Set(ids)].sort());
        },
      ),
    );
  });

  it("go on growing when the counter of one millisecond is used up", () => {
    // The greatest random steps: 2^42 / 2^24 ids exhaust a millisecond.
    const next = generatorAt(() => 1_000);
    let last = next();
    for (let n = 0; n < 300_000; n += 1) {
      const id = next();
      if (id <= last) throw new Error(`${id} does not follow ${last}`);
      last = id;
    }
    expect(Number.parseInt(last.replaceAll("-", "").slice(0, 12), 16)).toBeGreaterThan(1_000);
  });

  it("are different and in order when made quickly", () => {
    const ids = Array.from({ length: 20_000 }, newId);
    expect(ids).toEqual([...new Set(ids)].sort());
  });
});
