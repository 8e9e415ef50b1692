import { createTestClock } from "@danube/kit";
import { expect, test } from "vitest";
import { createStopwatch, systemUptime } from "./stopwatch.ts";

const uptimeOf = (bootId: string, clock: ReturnType<typeof createTestClock>, offsetMs = 1_000) => ({
  bootId,
  uptimeMs: () => clock.monotonicMs() + offsetMs,
});

test("a jump of the wall clock changes nothing, before and after a restart on the same boot", async () => {
  const clock = createTestClock();
  const first = createStopwatch(clock, uptimeOf("boot", clock));
  const mark = first.mark();
  await clock.advance(5_000);
  clock.setTime("2030-01-01T00:00:00Z");
  expect(first.elapsedMs(mark)).toBe(5_000);
  clock.setTime("2020-01-01T00:00:00Z");
  expect(createStopwatch(clock, uptimeOf("boot", clock)).elapsedMs(mark)).toBe(5_000);
});

test("on another boot the wall clock counts, and never below nothing", async () => {
  const clock = createTestClock();
  const mark = createStopwatch(clock, uptimeOf("one", clock)).mark();
  const other = createStopwatch(clock, uptimeOf("two", clock, 0));
  await clock.advance(5_000);
  expect(other.elapsedMs(mark)).toBe(5_000);
  clock.setTime("2020-01-01T00:00:00Z");
  expect(other.elapsedMs(mark)).toBe(0);
});

test("the machine's uptime goes on and its boot keeps its id", () => {
  const [first, second] = [systemUptime(), systemUptime()];
  const before = first.uptimeMs();
  expect(second.uptimeMs()).toBeGreaterThanOrEqual(before);
  expect(first.bootId.length).toBeGreaterThan(8);
});
