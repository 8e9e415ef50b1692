import { type Clock, delay, type Logger, type Metrics, newId as makeId, systemClock } from "@danube/kit";
import { type Change, type Commands, DanubeError, type Queries } from "@danube/protocol";
import { type BlueprintSource, createBlueprintSync, type SyncResult } from "./blueprint-sync.ts";
import { createCronLoop } from "./cron/cron-loop.ts";
import { createDispatcher } from "./dispatcher.ts";

export interface SchedulerDependencies {
  readonly queries: Queries;
  readonly commands: Commands;
  /** Changes as the writer tells them. When it ends or throws, it is asked for again a second later. */
  readonly changes: { watch(signal: AbortSignal): AsyncIterable<Change> };
  /** Absent: there is no Blueprint repository to follow. */
  readonly blueprintSource?: BlueprintSource;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly newId?: () => string;
}

export interface Scheduler {
  /** Begins to work. Does not wait for the writer: until that answers, it asks again. */
  start(): void;
  /**
   * Syncs the Blueprint now and resolves to what came of it: mistakes in it are a result. Throws `invalid_request` when there
   * is no Blueprint repository.
   */
  syncNow(): Promise<SyncResult>;
  /** Resolves when everything known is decided and admitted, or waits for a later time. For tests and for `danube up`. */
  idle(): Promise<void>;
  /** Begins nothing new; resolves when nothing is under way any more. */
  stop(): Promise<void>;
}

const retryMs = 1_000;

/** The scheduler: decides whether and when jobs run, and asks the writer for them. Holds nothing that must survive it. */
export function createApp(dependencies: SchedulerDependencies): Scheduler {
  const { queries, commands, changes, blueprintSource, metrics } = dependencies;
  const { clock = systemClock, newId = makeId, logger } = dependencies;
  const stop = new AbortController();
  const shared = { queries, commands, clock, logger, newId };
  const cron = createCronLoop(shared);
  const dispatcher = createDispatcher({ ...shared, onConfiguration: (next) => cron.setConfiguration(next) });
  const sync = blueprintSource && createBlueprintSync({ ...shared, metrics, source: blueprintSource });
  let isStarted = false;
  let background: Promise<unknown> = Promise.resolve();

  async function follow(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        for await (const change of changes.watch(stop.signal)) dispatcher.take(change);
      } catch (error) {
        if (!stop.signal.aborted) logger.warn("The stream of changes broke; it will be opened again", { error });
      }
      await delay(clock, retryMs, stop.signal).catch(() => undefined);
    }
  }

  /** Cron must know what was applied last before a sync applies something newer: see createCronLoop. */
  async function prepareCron(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await cron.prepare();
        await cron.prepared();
        if (!stop.signal.aborted) sync?.start();
        return;
      } catch (error) {
        logger.warn("The cron slots fired last cannot be looked up; it will be tried again", { error });
      }
      await delay(clock, retryMs, stop.signal).catch(() => undefined);
    }
  }

  return {
    start() {
      isStarted = true;
      dispatcher.start();
      background = Promise.all([follow(), prepareCron()]);
    },
    async syncNow() {
      if (sync) {
        if (isStarted) await cron.prepared();
        return sync.syncNow();
      }
      throw new DanubeError("invalid_request", "There is no Blueprint repository; set config_repo.url to have one.");
    },
    idle: () => dispatcher.idle(),
    async stop() {
      stop.abort();
      await Promise.all([sync?.stop(), cron.stop(), dispatcher.stop()]);
      await background;
    },
  };
}
