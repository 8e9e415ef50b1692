import { describe, expect, it } from "vitest";
import { silentLogger } from "./logger.ts";
import { createLoop } from "./loop.ts";
import { createTestClock } from "./test-clock.ts";

function start(run: (signal: AbortSignal) => Promise<void> | void) {
  const clock = createTestClock();
  const errors: string[] = [];
  const logger = { ...silentLogger, error: (message: string) => void errors.push(message) };
  const loop = createLoop({ name: "sync", intervalMs: 1_000, run, logger, clock });
  return { clock, loop, errors };
}

describe("a loop", () => {
  it("runs at once, then after each interval, counted from the end of a run", async () => {
    const at: number[] = [];
    const { clock, loop } = start(async () => {
      at.push(clock.monotonicMs());
      await new Promise<void>((resolve) => {
        clock.setTimeout(resolve, 100);
      });
    });
    loop.start();
    loop.start();
    await clock.advance(3_000);
    expect(at).toEqual([0, 1_100, 2_200]);
    await loop.stop();
  });

  it("runs at once when nudged, and the interval begins anew", async () => {
    const at: number[] = [];
    const { clock, loop } = start(() => void at.push(clock.monotonicMs()));
    loop.nudge();
    expect(at).toEqual([]);
    loop.start();
    await clock.advance(400);
    loop.nudge();
    await clock.advance(1_500);
    expect(at).toEqual([0, 400, 1_400]);
    await loop.stop();
  });

  it("never overlaps itself, and answers nudges during a run with one run after it", async () => {
    const gates: (() => void)[] = [];
    let running = 0;
    let most = 0;
    const { loop } = start(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => {
        gates.push(resolve);
      });
      running -= 1;
    });
    loop.start();
    for (let n = 0; n < 5; n += 1) loop.nudge();
    expect(gates).toHaveLength(1);
    gates[0]?.();
    await new Promise(setImmediate);
    expect(gates).toHaveLength(2);
    gates[1]?.();
    await loop.idle();
    expect(gates).toHaveLength(2);
    expect(most).toBe(1);
    await loop.stop();
  });

  it("survives its own errors, thrown or rejected", async () => {
    let runs = 0;
    const { clock, loop, errors } = start(() => {
      runs += 1;
      if (runs === 1) throw new Error("thrown");
      return runs === 2 ? Promise.reject(new Error("rejected")) : undefined;
    });
    loop.start();
    await clock.advance(2_000);
    expect(runs).toBe(3);
    expect(errors).toHaveLength(2);
    await loop.stop();
  });

  it("stops: aborts the signal, waits for the run, and never runs again", async () => {
    let ended = false;
    let runs = 0;
    const { clock, loop, errors } = start(async (signal) => {
      runs += 1;
      await new Promise<void>((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("aborted")));
      }).finally(() => {
        ended = true;
      });
    });
    loop.start();
    loop.nudge();
    await loop.stop();
    expect(ended).toBe(true);
    expect(errors).toEqual([]);
    loop.nudge();
    loop.start();
    await clock.advance(10_000);
    expect(runs).toBe(1);
    expect(clock.timers()).toBe(0);
  });
});
