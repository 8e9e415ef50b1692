import { createTestClock, newId, silentLogger, type TestClock } from "@danube/kit";
import type { Commands } from "@danube/protocol";
import { expect, test } from "vitest";
import { blueprintOf } from "../testing/configuration.ts";
import { createTestControlPlane, type TestControlPlane } from "../testing/control-plane.ts";
import { createCronLoop } from "./cron-loop.ts";

const start = "2030-01-01T12:10:00.000Z";
const hourly = { site: { triggers: [{ on: "cron", schedule: "0 * * * *" }] } };

function createLoop(
  plane: TestControlPlane,
  clock: TestClock,
  commands: Pick<Commands, "recordTrigger"> = plane.commands,
) {
  return createCronLoop({ queries: plane.queries, commands, clock, logger: silentLogger, newId });
}

async function startLoop(plane: TestControlPlane, clock: TestClock, commands?: Pick<Commands, "recordTrigger">) {
  const loop = createLoop(plane, clock, commands);
  await loop.prepare();
  loop.setConfiguration(await plane.queries.getConfiguration({}));
  await settle(clock);
  return loop;
}

/** The loop sleeps between two looks at the clock: it plans its one timer when it has done everything. */
async function settle(clock: TestClock): Promise<void> {
  await clock.untilTimers(1);
}

/** Lets time pass in small steps, waiting each time until the loop has done what there was to do. */
async function pass(clock: TestClock, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute++) {
    await clock.advance(60_000);
    await settle(clock);
  }
}

async function slots(plane: TestControlPlane): Promise<string[]> {
  const { triggers } = await plane.queries.listUndecidedTriggers({ limit: 1_000 });
  return triggers.map(({ event }) => event.slot?.slice(11, 16) ?? "");
}

test("fires each slot once, as a trigger of its pipeline", async () => {
  const clock = createTestClock(start);
  await using plane = await createTestControlPlane({ clock });
  await plane.apply(blueprintOf({ site: { triggers: [{ on: "cron", schedule: "*/15 * * * *", branch: "dev" }] } }));
  const loop = await startLoop(plane, clock);
  await pass(clock, 40);
  expect(await slots(plane)).toEqual(["12:15", "12:30", "12:45"]);
  const { triggers } = await plane.queries.listUndecidedTriggers({});
  expect(triggers[0]).toMatchObject({
    deduplicationKey: "cron:site:*/15 * * * * UTC dev:2030-01-01T12:15:00.000Z",
    event: {
      type: "cron",
      pipelineName: "site",
      branch: "dev",
      ref: "refs/heads/dev",
      schedule: "*/15 * * * * UTC dev",
    },
  });
  expect(triggers[0]?.event.commitSha).toBeUndefined();
  await loop.stop();
  expect(clock.timers()).toBe(0);
});

test("after a restart the slot that was fired is not fired again, and of those missed the latest runs", async () => {
  const clock = createTestClock(start);
  await using plane = await createTestControlPlane({ clock });
  await plane.apply(blueprintOf(hourly));
  const first = await startLoop(plane, clock);
  await pass(clock, 55);
  await first.stop();
  expect(await slots(plane)).toEqual(["13:00"]);
  const second = await startLoop(plane, clock);
  expect(await slots(plane)).toEqual(["13:00"]);
  await second.stop();
  await clock.advance(5 * 3_600_000);
  const third = await startLoop(plane, clock);
  await pass(clock, 1);
  expect(await slots(plane)).toEqual(["13:00", "18:00"]);
  await third.stop();
});

test("a slot that came while the scheduler was down, before any was ever fired, runs too", async () => {
  const clock = createTestClock(start);
  await using plane = await createTestControlPlane({ clock });
  await plane.apply(blueprintOf({}));
  await plane.apply(blueprintOf(hourly));
  await clock.advance(2 * 3_600_000);
  const loop = await startLoop(plane, clock);
  expect(await slots(plane)).toEqual(["14:00"]);
  await loop.stop();
});

test("a schedule that appears is not served for the time before it", async () => {
  const clock = createTestClock(start);
  await using plane = await createTestControlPlane({ clock });
  await plane.apply(blueprintOf({ site: {} }));
  const loop = await startLoop(plane, clock);
  await plane.apply(blueprintOf(hourly));
  loop.setConfiguration(await plane.queries.getConfiguration({}));
  await pass(clock, 20);
  expect(await slots(plane)).toEqual([]);
  await pass(clock, 40);
  expect(await slots(plane)).toEqual(["13:00"]);
  await loop.stop();
});

test("a clock that jumps an hour ahead or back fires no slot twice and goes on", async () => {
  const clock = createTestClock(start);
  await using plane = await createTestControlPlane({ clock });
  await plane.apply(blueprintOf(hourly));
  const loop = await startLoop(plane, clock);
  await pass(clock, 55); // 13:05
  clock.setTime("2030-01-01T12:05:00.000Z");
  await pass(clock, 60); // 13:05 again
  clock.setTime("2030-01-01T14:05:00.000Z");
  await pass(clock, 60); // 15:05
  expect(await slots(plane)).toEqual(["13:00", "14:00", "15:00"]);
  await loop.stop();
});

test("two schedulers at once fire a slot once", async () => {
  const clock = createTestClock(start);
  await using plane = await createTestControlPlane({ clock });
  await plane.apply(blueprintOf(hourly));
  const loops = [await startLoop(plane, clock), await startLoop(plane, clock)];
  for (let minute = 0; minute < 55; minute++) {
    await clock.advance(60_000);
    await clock.untilTimers(2);
  }
  expect(await slots(plane)).toEqual(["13:00"]);
  for (const loop of loops) await loop.stop();
});

test("a slot that cannot be stored is tried again, though its answer alone was lost", async () => {
  const clock = createTestClock(start);
  const lost: string[] = [];
  await using plane = await createTestControlPlane({
    clock,
    fault: (when) => {
      if (lost.length >= 2 || (lost.length === 1 && when === "before")) return;
      lost.push(when);
      throw new Error("lost");
    },
  });
  await plane.apply(blueprintOf(hourly));
  const loop = await startLoop(plane, clock);
  await pass(clock, 52);
  expect(lost).toEqual(["before", "after"]);
  expect(await slots(plane)).toEqual(["13:00"]);
  await pass(clock, 60);
  expect(await slots(plane)).toEqual(["13:00", "14:00"]);
  await loop.stop();
});

test("a branch and a schedule of any length make a key that can be stored", async () => {
  const clock = createTestClock(start);
  await using plane = await createTestControlPlane({ clock });
  const branch = "b".repeat(2_000);
  await plane.apply(blueprintOf({ site: { triggers: [{ on: "cron", schedule: "0 * * * *", branch }] } }));
  const loop = await startLoop(plane, clock);
  await pass(clock, 55);
  const { triggers } = await plane.queries.listUndecidedTriggers({});
  expect(triggers.map((trigger) => trigger.event.branch)).toEqual([branch]);
  expect(triggers[0]?.deduplicationKey.length).toBeLessThan(500);
  await loop.stop();
});
