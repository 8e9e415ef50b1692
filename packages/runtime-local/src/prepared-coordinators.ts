// Coordinators that were started ahead and wait for a job: each in `<root>/.prepared/<id>/`, where its sandbox.json will
// appear, and used once. Their processes carry the id as their mark.
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type CoordinatorOptions, type CoordinatorProcess, startCoordinator } from "./coordinator-process.ts";
import { killProcesses } from "./kill-processes.ts";
import type { LocalDriverLogger } from "./driver-logger.ts";
import { type PidMoment, readPidMoment } from "./pid-window.ts";
import { findSandboxProcesses, isAlive } from "./process-table.ts";
import { removeTree } from "./sandbox-directory.ts";

export interface PreparedCoordinator {
  readonly id: string;
  readonly directory: string;
  readonly process: CoordinatorProcess;
  /** From before it was started. */
  readonly since: PidMoment | undefined;
}

export interface PreparedCoordinators {
  /** Starts the first ones, after ending those that an earlier process left. */
  start(inUse: ReadonlySet<string>): Promise<void>;
  /** One that runs, if there is any; another is started in its place. */
  take(): PreparedCoordinator | undefined;
  /** How many wait from now on. */
  resize(size: number): void;
  /** Ends all that were not taken. */
  stop(): Promise<void>;
}

export interface PreparedCoordinatorsOptions extends Omit<CoordinatorOptions, "directory" | "mark"> {
  readonly size: number;
  /** Absolute path of `.prepared`. */
  readonly parent: string;
  readonly logger: LocalDriverLogger;
}

const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

export function createPreparedCoordinators(options: PreparedCoordinatorsOptions): PreparedCoordinators {
  const { parent, logger } = options;
  let { size } = options;
  const waiting = new Map<string, PreparedCoordinator>();
  let timer: NodeJS.Timeout | undefined;
  let retryMs = firstRetryMs;
  let running = false;
  let filling: Promise<void> = Promise.resolve();

  function refill(afterMs: number): void {
    if (!running || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      filling = filling.then(fill);
    }, afterMs);
    timer.unref();
  }

  async function fill(): Promise<void> {
    try {
      for (let missing = size - waiting.size; missing > 0; missing--) await prepare();
      for (const { id, directory } of [...waiting.values()].slice(size)) {
        waiting.delete(id);
        await end(directory, id);
      }
    } catch (error) {
      logger.warn("A Coordinator cannot be prepared.", { error: String(error) });
      failed();
    }
  }

  async function prepare(): Promise<void> {
    const id = randomUUID();
    const directory = join(parent, id);
    mkdirSync(directory, { mode: 0o700 });
    const since = readPidMoment();
    const process = await startCoordinator({ ...options, directory, mark: id });
    waiting.set(id, { id, directory, process, since });
    void watch(id, directory, process);
  }

  async function watch(id: string, directory: string, process: CoordinatorProcess): Promise<void> {
    const { message } = await process.ended;
    if (!waiting.delete(id)) return;
    logger.warn("A prepared Coordinator ended before it was used.", { message });
    failed();
    await removeTree(directory);
  }

  // What ends at once would otherwise be started again and again.
  function failed(): void {
    refill(retryMs);
    retryMs = Math.min(retryMs * 2, longestRetryMs);
  }

  return {
    async start(inUse) {
      const abandoned = readdirSync(parent).filter((id) => !inUse.has(join(parent, id)));
      await Promise.all(abandoned.map((id) => end(join(parent, id), id)));
      running = true;
      refill(0);
    },
    take() {
      for (const prepared of waiting.values()) {
        waiting.delete(prepared.id);
        if (!isAlive(prepared.process.identity)) {
          void removeTree(prepared.directory);
          continue;
        }
        retryMs = firstRetryMs;
        refill(0);
        return prepared;
      }
      return undefined;
    },
    resize(next) {
      size = next;
      refill(0);
    },
    async stop() {
      running = false;
      clearTimeout(timer);
      timer = undefined;
      await filling;
      const unused = [...waiting.values()];
      waiting.clear();
      await Promise.all(unused.map(({ directory, id }) => end(directory, id)));
    },
  };
}

async function end(directory: string, id: string): Promise<void> {
  const find = () => findSandboxProcesses({ marks: new Set([id]), known: [], directory, window: () => undefined });
  await killProcesses({ find, graceMs: 0, deadlineMs: 10_000 });
  await removeTree(directory);
}
