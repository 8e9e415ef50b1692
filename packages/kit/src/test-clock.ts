// A clock for tests: time stands still until the test moves it.
import type { Cancel, Clock } from "./clock.ts";

export interface TestClock extends Clock {
  /**
   * Moves both clocks on by `ms`, running every timer that falls due in order of its time. Between two timers it lets
   * promises and immediates run, so that what a timer set off may plan the next one.
   */
  advance(ms: number): Promise<void>;
  /** Sets the wall clock alone, as an operator or NTP would; timers do not notice. */
  setTime(time: Date | string): void;
  /** How many timers are planned. */
  timers(): number;
  /** Resolves as soon as at least `count` timers are planned: for code that does real input and output before it waits. */
  untilTimers(count: number): Promise<void>;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A clock that begins at `start` (2026-01-01T00:00:00.000Z unless told otherwise) and stands still. */
export function createTestClock(start: Date | string = "2026-01-01T00:00:00.000Z"): TestClock {
  const timers = new Set<Timer>();
  let waiting: { count: number; resolve: () => void }[] = [];
  let monotonicMs = 0;
  let wallOffsetMs = new Date(start).getTime();
  let order = 0;

  const next = (untilMs: number): Timer | undefined => {
    let found: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > untilMs) continue;
      if (!found || timer.at < found.at || (timer.at === found.at && timer.order < found.order)) found = timer;
    }
    return found;
  };

  return {
    now: () => new Date(wallOffsetMs + monotonicMs),
    monotonicMs: () => monotonicMs,
    setTimeout(run, ms): Cancel {
      const timer = { at: monotonicMs + Math.max(ms, 0), order: order++, run };
      timers.add(timer);
      const reached = waiting.filter((waiter) => timers.size >= waiter.count);
      waiting = waiting.filter((waiter) => timers.size < waiter.count);
      for (const waiter of reached) waiter.resolve();
      return () => timers.delete(timer);
    },
    async advance(ms) {
      const untilMs = monotonicMs + ms;
      await letOthersRun();
      for (let timer = next(untilMs); timer; timer = next(untilMs)) {
        timers.delete(timer);
        monotonicMs = Math.max(monotonicMs, timer.at);
        timer.run();
        await letOthersRun();
      }
      monotonicMs = untilMs;
    },
    setTime(time) {
      wallOffsetMs = new Date(time).getTime() - monotonicMs;
    },
    timers: () => timers.size,
    untilTimers: (count) =>
      timers.size >= count
        ? Promise.resolve()
        : new Promise((resolve) => {
            waiting.push({ count, resolve });
          }),
  };
}

/** An immediate runs after every promise that is settled already. */
function letOthersRun(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
