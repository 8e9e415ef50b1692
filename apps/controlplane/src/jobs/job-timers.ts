// The timers of one job. Each has a name; planning one again takes the place of the one before.
import { getJobRun, type JobRun } from "@danube/db/write";
import type { Cancel } from "@danube/kit";
import type { JobEnvironment } from "./job-environment.ts";
import { TimeMark } from "./stopwatch.ts";

export type JobTimerName =
  /** The Coordinator has to have attached. */
  | "start"
  /** The pipeline has to have ended. */
  | "duration"
  /** A job that was asked to end has to have ended. */
  | "grace"
  /** A Coordinator that is away has its sandbox looked at. */
  | "detached";

type MarkName = keyof Pick<JobRun, "scheduledMark" | "startedMark" | "endingMark">;

export class JobTimers {
  readonly #environment: Pick<JobEnvironment, "clock" | "stopwatch" | "writer">;
  readonly #jobId: string;
  readonly #timers = new Map<JobTimerName, Cancel>();
  #stopped = false;

  constructor(environment: Pick<JobEnvironment, "clock" | "stopwatch" | "writer">, jobId: string) {
    this.#environment = environment;
    this.#jobId = jobId;
  }

  /** Calls `run` after `ms` milliseconds. Nothing happens once the timers are stopped. */
  arm(name: JobTimerName, ms: number, run: () => void): void {
    this.disarm(name);
    if (this.#stopped) return;
    this.#timers.set(name, this.#environment.clock.setTimeout(run, Math.max(0, ms)));
  }

  /** Calls `run` when `ms` milliseconds have passed since the mark in the job's row, in whatever process that was made. */
  armSince(mark: MarkName, name: JobTimerName, ms: number, run: () => void): void {
    const { stopwatch, writer } = this.#environment;
    const text = writer.read((transaction) => getJobRun(transaction, this.#jobId))[mark];
    const elapsedMs = text === undefined ? 0 : stopwatch.elapsedMs(TimeMark.parse(JSON.parse(text)));
    this.arm(name, ms - elapsedMs, run);
  }

  disarm(name: JobTimerName): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }

  /** Calls all of them off, for good. */
  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }
}
