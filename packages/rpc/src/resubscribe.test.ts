import { createTestClock, silentLogger } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import { resubscribe } from "./resubscribe.ts";

function start() {
  const clock = createTestClock();
  const abort = new AbortController();
  const options = { name: "events", signal: abort.signal, logger: silentLogger, clock, random: () => 1 };
  return { clock, abort, options };
}

describe("resubscribe", () => {
  it("opens again after a break and after an end, with pauses that shrink again once events come", async () => {
    const { clock, abort, options } = start();
    const openedAt: number[] = [];
    const events = resubscribe(async function* () {
      openedAt.push(clock.monotonicMs());
      const opened = openedAt.length;
      if (opened <= 3) throw new DanubeError("connection_lost", "cut");
      yield opened;
      if (opened === 4) throw new DanubeError("internal", "ours");
    }, options);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const event of events) {
        seen.push(event);
        if (seen.length === 3) abort.abort();
      }
    })();
    await clock.advance(10_000);
    await reading;
    expect(seen).toEqual([4, 5, 6]);
    expect(openedAt).toEqual([0, 25, 75, 175, 200, 225]);
  });

  it("throws what is the caller's own fault", async () => {
    const { options } = start();
    const events = resubscribe(() => {
      throw new DanubeError("unauthenticated", "Who are you?");
    }, options);
    await expect(events.next()).rejects.toMatchObject({ code: "unauthenticated" });
  });

  it("ends without an error when it is told to, during a pause too", async () => {
    const { clock, abort, options } = start();
    const events = resubscribe(() => {
      throw new DanubeError("connection_lost", "cut");
    }, options);
    const next = events.next();
    await clock.untilTimers(1);
    abort.abort();
    expect(await next).toEqual({ done: true, value: undefined });
    expect(clock.timers()).toBe(0);
  });
});
