import { expect, test } from "vitest";
import { configurationOf } from "../testing/configuration.ts";
import { createSchedules } from "./schedules.ts";

const at = (time: string) => new Date(`2026-${time}Z`);
const cron = (...triggers: object[]) =>
  configurationOf({ site: { triggers: triggers.map((one) => ({ on: "cron", ...one })) } });

/** What fires when the clock shows these times one after the other, each slot served at once. */
function run(schedule: object, servedUntil: string, times: readonly string[]): string[] {
  const schedules = createSchedules();
  schedules.set(cron(schedule), () => at(servedUntil));
  const fired: string[] = [];
  for (const time of times)
    for (const { key, slot, mustRun } of schedules.due(at(time))) {
      if (mustRun) fired.push(slot.toISOString().slice(5, 16));
      schedules.serve(key, slot);
    }
  return fired;
}

test.each<[string, object, string, string[], string[]]>([
  [
    "a slot when it comes",
    { schedule: "0 3 * * *" },
    "01-01T04:00",
    ["01-02T02:59", "01-02T03:00", "01-02T03:01"],
    ["01-02T03:00"],
  ],
  ["nothing that was served", { schedule: "0 3 * * *" }, "01-02T03:00", ["01-02T03:00", "01-02T12:00"], []],
  [
    "the latest of several missed slots",
    { schedule: "0 * * * *" },
    "01-01T00:30",
    ["01-01T05:10", "01-01T06:00"],
    ["01-01T05:00", "01-01T06:00"],
  ],
  ["a slot missed by a day", { schedule: "0 3 * * *" }, "01-01T00:00", ["01-02T02:59"], ["01-01T03:00"]],
  ["not one missed by more than a day", { schedule: "0 3 1 * *" }, "01-01T00:00", ["01-02T03:01", "01-02T04:00"], []],
  [
    "no slot twice when the clock goes back an hour",
    { schedule: "*/30 * * * *" },
    "01-01T00:00",
    ["01-01T10:00", "01-01T10:30", "01-01T09:31", "01-01T10:00", "01-01T10:30", "01-01T11:00"],
    ["01-01T10:00", "01-01T10:30", "01-01T11:00"],
  ],
  [
    "no slot twice when the clock goes an hour ahead and back again",
    { schedule: "0 * * * *" },
    "01-01T12:00",
    ["01-01T12:30", "01-01T13:30", "01-01T12:31", "01-01T13:00", "01-01T14:00"],
    ["01-01T13:00", "01-01T14:00"],
  ],
  [
    "once a day at a time that occurs twice",
    { schedule: "30 2 * * *", timezone: "Europe/Berlin" },
    "10-24T12:00",
    ["10-25T00:30", "10-25T01:30", "10-26T01:30"],
    ["10-25T00:30", "10-26T01:30"],
  ],
  [
    "once a day at a time that does not exist",
    { schedule: "30 2 * * *", timezone: "Europe/Berlin" },
    "03-28T12:00",
    ["03-29T00:30", "03-29T01:00", "03-29T01:30", "03-30T00:30"],
    ["03-29T01:00", "03-30T00:30"],
  ],
])("fires %s", (_title, schedule, servedUntil, times, fired) => {
  expect(run(schedule, servedUntil, times)).toEqual(fired);
});

test("minute by minute through both changes of the clock, every slot comes exactly once", () => {
  for (const [from, count] of [
    ["03-28T22:00", 12 * 60],
    ["10-24T22:00", 12 * 60],
  ] as const) {
    const times = Array.from({ length: count }, (_, n) =>
      new Date(at(from).getTime() + n * 60_000).toISOString().slice(5, 16),
    );
    const fired = run({ schedule: "*/20 * * * *", timezone: "Europe/Berlin" }, "01-01T00:00", [from, ...times]);
    expect(new Set(fired).size).toBe(fired.length);
    expect(fired.slice(1)).toEqual(times.slice(1).filter((time) => Number(time.slice(-2)) % 20 === 0));
  }
});

test("the same words in another zone or for another branch are schedules of their own", () => {
  const schedules = createSchedules();
  const added: string[] = [];
  const once = { schedule: "0 3 * * *" };
  schedules.set(cron(once, { ...once, branch: "dev" }, { ...once, timezone: "Asia/Tokyo" }), ({ schedule }) => {
    added.push(schedule);
    return at("01-01T00:00");
  });
  expect(added).toEqual(["0 3 * * * UTC", "0 3 * * * UTC dev", "0 3 * * * Asia/Tokyo"]);
  expect(schedules.due(at("01-01T19:00")).map(({ schedule, branch }) => [schedule, branch])).toEqual([
    ["0 3 * * * UTC", undefined],
    ["0 3 * * * UTC dev", "dev"],
    ["0 3 * * * Asia/Tokyo", undefined],
  ]);
});

test("a schedule that stays goes on, and one that comes begins when it is told to", () => {
  const schedules = createSchedules();
  schedules.set(cron({ schedule: "0 3 * * *" }), () => at("01-01T00:00"));
  schedules.set(cron({ schedule: "0 3 * * *" }, { schedule: "0 4 * * *" }), () => at("01-01T12:00"));
  expect(schedules.due(at("01-01T12:00")).map(({ schedule }) => schedule)).toEqual(["0 3 * * * UTC"]);
  expect(schedules.nextAfter(at("01-01T12:00"))).toEqual(at("01-02T03:00"));
});

test("what cannot be followed is told, and the rest goes on", () => {
  const configuration = cron({ schedule: "0 3 * * *" }, { schedule: "0 25 * * *" });
  const schedules = createSchedules();
  expect(schedules.set(configuration, () => at("01-01T00:00"))).toEqual([
    '"0 25 * * *" is not a schedule: Invalid value for hour: 25',
  ]);
  expect(schedules.due(at("01-01T04:00"))).toHaveLength(1);
});
