// The cron schedules of a configuration, and when each was last served: a plan in memory, without clocks or calls.
//
// A slot is an instant in UTC. Of each schedule only slots after the last one served count, so that a clock that is set back
// brings none again. Slots that were missed (the scheduler was down, the clock jumped ahead) run once, as the latest of
// them, if it is no older than 24 hours. Daylight saving: see createCronSchedule.
import { type CronSchedule, createCronSchedule } from "@danube/blueprint";
import type { Configuration } from "../configuration.ts";

export interface DueSlot {
  readonly key: string;
  readonly pipelineName: string;
  readonly repository: string;
  readonly branch: string | undefined;
  /** Names the schedule among those of its pipeline: as written, its time zone and its branch. */
  readonly schedule: string;
  readonly slot: Date;
  /** False: it was missed, and is too old to run now. */
  readonly mustRun: boolean;
}

export interface Schedules {
  /**
   * Takes over a configuration. A schedule that was there already goes on; `servedUntil` tells for a new one up to when its
   * slots are nobody's business any more. Returns what is wrong with schedules that cannot be followed.
   */
  set(configuration: Configuration, servedUntil: (added: AddedSchedule) => Date): string[];
  /** The latest unserved slot of each schedule that has one at `time`. */
  due(time: Date): DueSlot[];
  /** This slot of the schedule is dealt with, and with it all earlier ones. */
  serve(key: string, slot: Date): void;
  /** The next moment, after `time`, at which something will be due. */
  nextAfter(time: Date): Date | undefined;
}

export interface AddedSchedule {
  readonly pipelineId: string;
  readonly pipelineName: string;
  readonly schedule: string;
}

interface Entry extends Omit<DueSlot, "slot" | "mustRun"> {
  readonly cron: CronSchedule;
  servedUntil: Date;
}

const oldestMs = 24 * 3_600_000;

export function createSchedules(): Schedules {
  let entries = new Map<string, Entry>();
  return {
    set(configuration, servedUntil) {
      const next = new Map<string, Entry>();
      const mistakes: string[] = [];
      for (const { id, name, document, archivedAt } of configuration.pipelines) {
        if (archivedAt !== undefined) continue;
        for (const trigger of document.spec.triggers) {
          if (trigger.on !== "cron") continue;
          const schedule = scheduleName(trigger);
          const key = `${id} ${schedule}`;
          const cron = createCron(trigger, mistakes);
          if (!cron) continue;
          next.set(key, {
            key,
            pipelineName: name,
            repository: document.spec.repository,
            branch: trigger.branch,
            schedule,
            cron,
            servedUntil: entries.get(key)?.servedUntil ?? servedUntil({ pipelineId: id, pipelineName: name, schedule }),
          });
        }
      }
      entries = next;
      return mistakes;
    },
    due(time) {
      const due: DueSlot[] = [];
      for (const { cron, servedUntil, ...entry } of entries.values()) {
        const slot = cron.latest(time);
        if (slot && slot > servedUntil)
          due.push({ ...entry, slot, mustRun: time.getTime() - slot.getTime() <= oldestMs });
      }
      return due.sort((a, b) => a.slot.getTime() - b.slot.getTime());
    },
    serve(key, slot) {
      const entry = entries.get(key);
      if (entry && slot > entry.servedUntil) entry.servedUntil = slot;
    },
    nextAfter(time) {
      const times = [...entries.values()].map(({ cron, servedUntil }) =>
        cron.next(servedUntil > time ? servedUntil : time),
      );
      return times.filter((next) => next !== undefined).sort((a, b) => a.getTime() - b.getTime())[0];
    },
  };
}

/** The same words in another zone or for another branch are another schedule. */
export function scheduleName(trigger: {
  readonly schedule: string;
  readonly timezone: string;
  readonly branch?: string;
}): string {
  return [trigger.schedule.trim(), trigger.timezone, ...(trigger.branch === undefined ? [] : [trigger.branch])].join(
    " ",
  );
}

/** What was checked before it was applied can still be strange to another version of this program, or of its time zones. */
function createCron(
  trigger: { readonly schedule: string; readonly timezone: string },
  mistakes: string[],
): CronSchedule | undefined {
  try {
    return createCronSchedule(trigger.schedule, trigger.timezone);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    mistakes.push(error.message);
    return undefined;
  }
}
