// Fires cron triggers: wakes for each slot, and at least every 60 s, for a clock may jump.
//
// Each slot is stored as a trigger at most once, whatever fails or starts again: its deduplication key names pipeline, schedule
// and slot. A schedule is served from when it was there: from the slot fired last; if none ever was, from the configuration's
// last change at the start of this process, or from the moment at which it appears later.
import { createHash } from "node:crypto";
import type { Cancel, Clock, Logger } from "@danube/kit";
import type { Commands, Queries, TriggerEvent } from "@danube/protocol";
import type { Configuration } from "../configuration.ts";
import { createSchedules, type DueSlot } from "./schedules.ts";

export interface CronLoopDependencies {
  readonly queries: Pick<Queries, "listCronSlots" | "listBlueprintSyncs">;
  readonly commands: Pick<Commands, "recordTrigger">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId: () => string;
}

export interface CronLoop {
  /** Learns what was fired before. Rejects when that cannot be asked; nothing is fired before. */
  prepare(): Promise<void>;
  /** Resolves when it is known since when each schedule of the first configuration is to be served, or at the end. */
  prepared(): Promise<void>;
  /** Takes over a configuration, and fires what is due. */
  setConfiguration(configuration: Configuration): void;
  stop(): Promise<void>;
}

const longestSleepMs = 60_000;
const retryMs = 5_000;

export function createCronLoop(dependencies: CronLoopDependencies): CronLoop {
  const { queries, commands, clock, logger, newId } = dependencies;
  const schedules = createSchedules();
  let fired: ReadonlyMap<string, string> | undefined;
  let knownSince = "";
  let isFirst = true;
  let configuration: Configuration | undefined;
  let isStopped = false;
  let running: Promise<void> | undefined;
  let mustRunAgain = false;
  let cancelSleep: Cancel = () => undefined;
  const prepared = Promise.withResolvers<void>();

  function wake(): void {
    if (isStopped || !fired || !configuration) return;
    if (running) {
      mustRunAgain = true;
      return;
    }
    cancelSleep();
    running = run();
  }

  async function run(): Promise<void> {
    const sleepMs = await fireAll();
    running = undefined;
    if (isStopped) return;
    if (!mustRunAgain) {
      cancelSleep = clock.setTimeout(wake, sleepMs);
      return;
    }
    mustRunAgain = false;
    wake();
  }

  /** Resolves to how long to sleep. */
  async function fireAll(): Promise<number> {
    let hasFailed = false;
    for (const due of schedules.due(clock.now())) {
      if (isStopped) break;
      try {
        await fire(due);
        schedules.serve(due.key, due.slot);
      } catch (error) {
        hasFailed = true;
        logger.warn("A cron trigger could not be stored; it will be tried again", {
          pipeline: due.pipelineName,
          error,
        });
      }
    }
    if (hasFailed) return retryMs;
    const time = clock.now();
    const next = schedules.nextAfter(time);
    return next ? Math.min(Math.max(next.getTime() - time.getTime(), 0), longestSleepMs) : longestSleepMs;
  }

  async function fire({ pipelineName, repository, branch, schedule, slot, mustRun }: DueSlot): Promise<void> {
    const fields = { pipeline: pipelineName, schedule, slot: slot.toISOString() };
    if (!mustRun) return logger.warn("A cron slot was missed more than a day ago and is skipped", fields);
    const event: TriggerEvent = {
      type: "cron",
      forge: "danube",
      repositoryUrls: [repository],
      pipelineName,
      schedule,
      slot: slot.toISOString(),
      ...(branch === undefined ? {} : { branch, ref: `refs/heads/${branch}` }),
    };
    const deduplicationKey = slotKey(pipelineName, schedule, event.slot as string);
    const { duplicate } = await commands.recordTrigger({ id: newId(), deduplicationKey, event });
    logger.info(duplicate ? "A cron slot was fired before" : "Fired a cron slot", fields);
  }

  function takeSchedules(): void {
    if (!fired || !configuration) return;
    const known = fired;
    const appearedAt = clock.now();
    const mistakes = schedules.set(configuration, ({ pipelineId, pipelineName, schedule }) => {
      const last = known.get(`${pipelineName} ${schedule}`);
      if (!isFirst) return appearedAt;
      if (last !== undefined) return new Date(last);
      const since = new Date(Math.max(timeOfId(pipelineId), knownSince === "" ? 0 : Date.parse(knownSince)));
      return since < appearedAt ? since : appearedAt;
    });
    for (const mistake of mistakes) logger.error(`A cron trigger cannot be followed: ${mistake}`);
    isFirst = false;
    prepared.resolve();
  }

  return {
    async prepare() {
      const [{ slots }, { syncs }] = await Promise.all([
        queries.listCronSlots({}),
        queries.listBlueprintSyncs({ limit: 100 }),
      ]);
      fired = new Map(slots.map(({ pipelineName, schedule, slot }) => [`${pipelineName} ${schedule}`, slot]));
      // Without a sync among these that applied anything, the last change is at least that long ago.
      knownSince = syncs.find((sync) => sync.status === "applied")?.finishedAt ?? "";
      takeSchedules();
      wake();
    },
    prepared: () => prepared.promise,
    setConfiguration(next) {
      configuration = next;
      takeSchedules();
      wake();
    },
    async stop() {
      isStopped = true;
      prepared.resolve();
      cancelSleep();
      await running;
    },
  };
}

/** At most 500 characters, however long a schedule and a branch are. */
function slotKey(pipelineName: string, schedule: string, slot: string): string {
  const short = schedule.length <= 300 ? schedule : createHash("sha256").update(schedule).digest("hex");
  return `cron:${pipelineName}:${short}:${slot}`;
}

/** When a UUIDv7 was made, in milliseconds since 1970. Source: RFC 9562, section 5.7. */
function timeOfId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
