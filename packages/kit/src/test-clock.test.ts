import { describe, expect, it } from "vitest";
import { delay, now } from "./clock.ts";
import { createTestClock } from "./test-clock.ts";

describe("the test clock", () => {
  it("stands still until it is moved, and then moves both clocks", async () => {
    const clock = createTestClock();
    expect(now(clock)).toBe("2026-01-01T00:00:00.000Z");
    await clock.advance(1_500);
    expect(now(clock)).toBe("2026-01-01T00:00:01.500Z");
    expect(clock.monotonicMs()).toBe(1_500);
  });

  it("runs timers in order of time, then of planning, at their own times", async () => {
    const clock = createTestClock();
    const ran: string[] = [];
    const note = (name: string) => () => void ran.push(`${name}@${clock.monotonicMs()}`);
    clock.setTimeout(note("b"), 20);
    clock.setTimeout(note("a"), 10);
    clock.setTimeout(note("c"), 20);
    clock.setTimeout(note("never"), 31);
    clock.setTimeout(note("cancelled"), 15)();
    await clock.advance(30);
    expect(ran).toEqual(["a@10", "b@20", "c@20"]);
    expect(clock.timers()).toBe(1);
  });

  it("runs what timers set off, promises in between", async () => {
    const clock = createTestClock();
    const at: number[] = [];
    const work = (async () => {
      for (let n = 0; n < 3; n += 1) {
        await delay(clock, 10);
        at.push(clock.monotonicMs());
      }
    })();
    await clock.advance(100);
    await work;
    expect(at).toEqual([10, 20, 30]);
  });

  it("jumps on the wall without moving timers", async () => {
    const clock = createTestClock();
    let ran = false;
    clock.setTimeout(() => {
      ran = true;
    }, 1_000);
    clock.setTime("2030-01-01T00:00:00.000Z");
    expect(now(clock)).toBe("2030-01-01T00:00:00.000Z");
    await clock.advance(999);
    expect(ran).toBe(false);
    await clock.advance(1);
    expect(ran).toBe(true);
    expect(now(clock)).toBe("2030-01-01T00:00:01.000Z");
  });

  it("tells when somebody waits", async () => {
    const clock = createTestClock();
    const waited = clock.untilTimers(2);
    clock.setTimeout(() => undefined, 1);
    clock.setTimeout(() => undefined, 1);
    await waited;
    await clock.untilTimers(1);
  });
});

describe("delay", () => {
  it("ends with the signal's reason and leaves no timer", async () => {
    const clock = createTestClock();
    const abort = new AbortController();
    const waiting = delay(clock, 1_000, abort.signal);
    abort.abort(new Error("stop"));
    await expect(waiting).rejects.toThrow("stop");
    await expect(delay(clock, 1, abort.signal)).rejects.toThrow("stop");
    expect(clock.timers()).toBe(0);
  });
});
