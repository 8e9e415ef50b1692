import { expect, test } from "vitest";
import { createCronSchedule } from "./cron-schedule.ts";

/** The slots after `from`, as the scheduler finds them: one after the other. */
function slots(schedule: string, timezone: string, from: string, count: number): string[] {
  const cron = createCronSchedule(schedule, timezone);
  const found: string[] = [];
  for (let time = new Date(from); found.length < count; ) {
    time = cron.next(time) as Date;
    found.push(time.toISOString().slice(0, 16));
  }
  return found;
}

test.each([
  ["in UTC", "0 3 * * *", "UTC", "2026-01-01T03:00:00Z", ["2026-01-02T03:00", "2026-01-03T03:00"]],
  ["a nickname", "@daily", "UTC", "2026-01-01T03:00:00Z", ["2026-01-02T00:00", "2026-01-03T00:00"]],
  ["a leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", ["2028-02-29T00:00", "2032-02-29T00:00"]],
  // 29 March 2026, Berlin: 02:00 becomes 03:00. 25 October 2026: 03:00 becomes 02:00.
  [
    "fixed, in the gap: right after it",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-03-28T12:00:00Z",
    ["2026-03-29T01:00", "2026-03-30T00:30"],
  ],
  [
    "several fixed times, in the gap",
    "0 1,2 * * *",
    "Europe/Berlin",
    "2026-03-28T12:00:00Z",
    ["2026-03-29T00:00", "2026-03-29T01:00", "2026-03-29T23:00"],
  ],
  [
    "fixed, twice on the clock: once",
    "30 2 * * *",
    "Europe/Berlin",
    "2026-10-24T12:00:00Z",
    ["2026-10-25T00:30", "2026-10-26T01:30"],
  ],
  [
    "at a pace, in the gap: left out",
    "*/30 * * * *",
    "Europe/Berlin",
    "2026-03-29T00:30:00Z",
    ["2026-03-29T01:00", "2026-03-29T01:30"],
  ],
  [
    "at a pace, twice on the clock: both",
    "*/30 * * * *",
    "Europe/Berlin",
    "2026-10-25T00:00:00Z",
    ["2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30"],
  ],
])("next: %s", (_title, schedule, timezone, from, expected) => {
  expect(slots(schedule, timezone, from, expected.length)).toEqual(expected);
});

test.each([
  ["2026-01-02T03:00:00.000Z", "2026-01-02T03:00:00.000Z"],
  ["2026-01-02T02:59:59.999Z", "2026-01-01T03:00:00.000Z"],
  ["2026-01-02T03:00:00.001Z", "2026-01-02T03:00:00.000Z"],
  ["2026-01-02T03:00:59.500Z", "2026-01-02T03:00:00.000Z"],
])("latest at or before %s is %s", (time, slot) => {
  expect(createCronSchedule("0 3 * * *", "UTC").latest(new Date(time))?.toISOString()).toBe(slot);
});

test.each(["*/5 * * * *", "30 2 * * *", "0 2,3 * * *", "15 */2 * * *"])(
  "latest and next agree on %s around both changes of the clock",
  (schedule) => {
    const cron = createCronSchedule(schedule, "Europe/Berlin");
    for (const from of ["2026-03-28T00:00:00Z", "2026-10-24T00:00:00Z"]) {
      let time = cron.next(new Date(from)) as Date;
      for (const end = new Date(from).getTime() + 3 * 86_400_000; time.getTime() < end; ) {
        const next = cron.next(time) as Date;
        expect(cron.latest(new Date(next.getTime() - 1))?.toISOString()).toBe(time.toISOString());
        expect(cron.latest(next)?.toISOString()).toBe(next.toISOString());
        time = next;
      }
    }
  },
);

test.each([
  [
    "* * * *",
    "UTC",
    '"* * * *" is not a schedule; write five fields (minute, hour, day, month, weekday) such as "0 3 * * *", or a nickname such as "@daily"',
  ],
  [
    "0 * * * * *",
    "UTC",
    '"0 * * * * *" is not a schedule; write five fields (minute, hour, day, month, weekday) such as "0 3 * * *", or a nickname such as "@daily"',
  ],
  ["61 * * * *", "UTC", '"61 * * * *" is not a schedule: Invalid value for minute: 61'],
  ["@sometimes", "UTC", /^"@sometimes" is not a schedule: /],
  ["0 0 30 2 *", "UTC", '"0 0 30 2 *" never happens'],
  ["0 3 * * *", "Europe/Berln", '"Europe/Berln" is not a time zone; write one such as "UTC" or "Europe/Berlin"'],
])("refuses %j in %j", (schedule, timezone, message) => {
  expect(() => createCronSchedule(schedule, timezone)).toThrow(message);
});
