// A background loop: does its work at once, then at every interval, and whenever it is nudged.
import { type Cancel, type Clock, systemClock } from "./clock.ts";
import type { Logger } from "./logger.ts";

export interface LoopOptions {
  readonly name: string;
  /** From the end of one run to the beginning of the next. */
  readonly intervalMs: number;
  /** The work. `signal` aborts when the loop is asked to stop. What it throws is logged, and the loop goes on. */
  readonly run: (signal: AbortSignal) => Promise<void> | void;
  readonly logger: Logger;
  readonly clock?: Clock;
}

export interface Loop {
  /** Begins with a run at once. Starting again what is started changes nothing; what was stopped stays stopped. */
  start(): void;
  /** Runs as soon as possible. During a run: once more after it, however many nudges there were. Before `start`: nothing. */
  nudge(): void;
  /** Resolves when no run is going on and no nudge is unanswered. */
  idle(): Promise<void>;
  /** No further run begins. Resolves when the one that is going on has ended. */
  stop(): Promise<void>;
}

/** A loop that never overlaps itself and survives its own errors. */
export function createLoop({ name, intervalMs, run, logger, clock = systemClock }: LoopOptions): Loop {
  const abort = new AbortController();
  let state: "new" | "waiting" | "running" | "stopped" = "new";
  let nudged = false;
  let failures = 0;
  let cancelWait: Cancel = () => undefined;
  let current: Promise<void> = Promise.resolve();

  const begin = (): void => {
    state = "running";
    current = runWhileNudged();
  };
  const runWhileNudged = async (): Promise<void> => {
    do {
      nudged = false;
      await runOnce();
    } while (nudged && !abort.signal.aborted);
    if (!abort.signal.aborted) wait();
  };
  const wait = (): void => {
    state = "waiting";
    cancelWait = clock.setTimeout(begin, intervalMs);
  };
  const runOnce = async (): Promise<void> => {
    try {
      await run(abort.signal);
      if (failures > 0) logger.info(`${name} works again`, { loop: name, failures });
      failures = 0;
    } catch (error) {
      if (abort.signal.aborted) return;
      failures += 1;
      logger.error(`${name} failed; it will try again`, { loop: name, failures, error });
    }
  };

  return {
    start() {
      if (state === "new") begin();
    },
    nudge() {
      if (state === "running") nudged = true;
      if (state !== "waiting") return;
      cancelWait();
      begin();
    },
    idle: () => current,
    async stop() {
      state = "stopped";
      cancelWait();
      abort.abort();
      await current;
    },
  };
}
