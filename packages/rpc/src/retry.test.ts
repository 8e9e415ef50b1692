import { createTestClock } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import { createBackoff } from "./backoff.ts";
import { createCallScope } from "./call-scope.ts";
import { retry } from "./retry.ts";

const unavailable = (): Promise<never> => Promise.reject(new DanubeError("unavailable", "Not now."));

function start(deadlineMs: number, signal?: AbortSignal) {
  const clock = createTestClock();
  const scope = createCallScope(clock, { deadlineMs, signal });
  const backoff = createBackoff({ random: () => 1 });
  return { clock, scope, options: { scope, clock, backoff } };
}

describe("retry", () => {
  it("pauses longer each time, up to the limit", async () => {
    const { clock, options } = start(1_000_000);
    const at: number[] = [];
    const work = retry(() => {
      at.push(clock.monotonicMs());
      return at.length < 11 ? unavailable() : Promise.resolve("done");
    }, options);
    await clock.advance(60_000);
    expect(await work).toBe("done");
    const pauses = at.slice(1).map((time, index) => time - (at[index] as number));
    expect(pauses).toEqual([25, 50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  });

  it("leaves the second half of each pause to chance", () => {
    const low = createBackoff({ random: () => 0 });
    expect([low.nextMs(), low.nextMs(), low.nextMs()]).toEqual([12.5, 25, 50]);
    low.reset();
    expect(low.nextMs()).toBe(12.5);
  });

  it("throws the last error as soon as no further try fits before the deadline", async () => {
    const { clock, options } = start(100);
    let tries = 0;
    const work = retry(() => {
      tries += 1;
      return unavailable();
    }, options);
    work.catch(() => undefined);
    await clock.advance(99);
    await expect(work).rejects.toMatchObject({ code: "unavailable" });
    expect(tries).toBe(3); // at 0, 25 and 75 ms; the next one would be at 175
  });

  it("names the last error when the deadline passes during a try", async () => {
    const { clock, scope, options } = start(100);
    let tries = 0;
    const work = retry(() => {
      tries += 1;
      if (tries === 1) return unavailable();
      return new Promise<never>((_resolve, reject) => {
        scope.signal.addEventListener("abort", () => reject(new DanubeError("connection_lost", "cut")));
      });
    }, options);
    work.catch(() => undefined);
    await clock.advance(100);
    await expect(work).rejects.toMatchObject({ code: "deadline_exceeded", cause: { code: "unavailable" } });
  });

  it("throws what no retry helps against at once", async () => {
    const { options } = start(100);
    let tries = 0;
    const failing = (error: Error) => () => {
      tries += 1;
      return Promise.reject(error);
    };
    await expect(retry(failing(new DanubeError("forbidden", "No.")), options)).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(retry(failing(new TypeError("ours")), options)).rejects.toThrow("ours");
    expect(tries).toBe(2);
  });

  it("ends a pause when the caller gives up", async () => {
    const abort = new AbortController();
    const { clock, options } = start(10_000, abort.signal);
    const work = retry(unavailable, options);
    work.catch(() => undefined);
    await clock.advance(10);
    abort.abort(new Error("never mind"));
    await expect(work).rejects.toThrow("never mind");
    expect(clock.timers()).toBe(1); // the deadline's own, until the scope is disposed of
    options.scope.dispose();
    expect(clock.timers()).toBe(0);
  });
});
