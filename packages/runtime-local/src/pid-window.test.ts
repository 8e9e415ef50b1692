import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pidWindow, readMaximumPid, readPidMoment } from "./pid-window.ts";

describe("pidWindow", () => {
  it("holds every pid that a kernel can give between two moments", () => {
    const maximum = 1_000;
    const lowest = 300;
    fc.assert(
      fc.property(
        fc.integer({ min: lowest, max: maximum - 1 }),
        fc.uniqueArray(fc.integer({ min: lowest, max: maximum - 1 }), { maxLength: 300 }),
        fc.integer({ min: 0, max: 400 }),
        (lastPid, living, births) => {
          // The kernel's way: the next free pid above the last one, and from the lowest again after the maximum.
          const taken = new Set(living);
          const given: number[] = [];
          let last = lastPid;
          for (let birth = 0; birth < births; birth++) {
            do last = last + 1 >= maximum ? lowest : last + 1;
            while (taken.has(last));
            taken.add(last);
            given.push(last);
            // Half of them die, so that a pid can come round.
            if (birth % 2 === 0) taken.delete(last);
          }
          const window = pidWindow({ lastPid, forks: 7 }, { lastPid: last, forks: 7 + births }, maximum);
          expect(given.every((pid) => window?.(pid) ?? true)).toBe(true);
        },
      ),
    );
  });

  it("leaves out what was there before, so that it is of use", () => {
    const window = pidWindow({ lastPid: 500, forks: 0 }, { lastPid: 510, forks: 10 }, 32_768);
    expect([499, 500, 501, 510, 511].filter((pid) => window?.(pid))).toEqual([501, 510]);
  });

  it("is no window when the moments are not known or far apart", () => {
    const moment = { lastPid: 500, forks: 0 };
    expect(pidWindow(undefined, moment, 32_768)).toBeUndefined();
    expect(pidWindow(moment, undefined, 32_768)).toBeUndefined();
    expect(pidWindow(moment, { lastPid: 510, forks: 20_000 }, 32_768)).toBeUndefined();
    expect(pidWindow({ lastPid: 500, forks: 9 }, { lastPid: 510, forks: 3 }, 32_768)).toBeUndefined();
  });

  it.skipIf(process.platform !== "linux")("is read from this machine", () => {
    expect(readMaximumPid()).toBeGreaterThan(1_000);
    expect(readPidMoment()?.forks).toBeGreaterThan(0);
    expect(readPidMoment()?.lastPid).toBeGreaterThan(0);
  });
});
