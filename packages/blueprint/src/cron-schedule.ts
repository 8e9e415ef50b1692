// When a cron schedule is due. Times are instants in UTC; the schedule itself is in a time zone.
//
// Daylight saving, as croner does it with the rule "no-wildcard", which is what Vixie cron does:
//   - A schedule of fixed times (no `*` and no step in minute and hour, such as `30 2 * * *`): a local time that does not
//     exist is run at the first moment after the gap; one that occurs twice runs at its first occurrence only.
//   - Any other schedule (such as `*/15 * * * *`): local times that do not exist are left out, and those that occur twice run
//     on both occurrences, so that it goes on at its pace through the change.
import { Cron } from "croner";

export interface CronSchedule {
  /** The first slot strictly after `time`, or undefined if there is none within croner's horizon. */
  next(time: Date): Date | undefined;
  /** The last slot at or before `time`. */
  latest(time: Date): Date | undefined;
}

/** Throws a RangeError with a sentence that names what is wrong. `schedule` has five fields, or is a nickname like `@daily`. */
export function createCronSchedule(schedule: string, timezone: string): CronSchedule {
  if (!isTimeZone(timezone))
    throw new RangeError(`${JSON.stringify(timezone)} is not a time zone; write one such as "UTC" or "Europe/Berlin"`);
  const trimmed = schedule.trim();
  if (!/^@[a-z]+$/i.test(trimmed) && trimmed.split(/\s+/).length !== 5)
    throw new RangeError(
      `${JSON.stringify(schedule)} is not a schedule; write five fields (minute, hour, day, month, weekday) such as "0 3 * * *", or a nickname such as "@daily"`,
    );
  const cron = parseCron(trimmed, timezone, schedule);
  return {
    next: (time) => cron.nextRun(time) ?? undefined,
    latest: (time) => cron.previousRuns(1, new Date(Math.floor(time.getTime() / 1_000) * 1_000 + 1_000))[0],
  };
}

function parseCron(pattern: string, timezone: string, schedule: string): Cron {
  let cron: Cron;
  try {
    cron = new Cron(pattern, { timezone, mode: "5-part", fixedTimeRule: "no-wildcard", paused: true });
  } catch (error) {
    const detail = (error instanceof Error ? error.message : String(error)).replace(/^Cron(?:Pattern|Date)?: /, "");
    throw new RangeError(`${JSON.stringify(schedule)} is not a schedule: ${detail.replace(/\.$/, "")}`, {
      cause: error,
    });
  }
  if (!cron.nextRun()) throw new RangeError(`${JSON.stringify(schedule)} never happens`);
  return cron;
}

function isTimeZone(timezone: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: timezone }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
