// Measures how long something takes, across restarts of this process and jumps of the wall clock.
//
// A mark holds the wall clock's time and, beside it, the machine's uptime with the id of its boot. After a restart on the same
// boot the uptime tells how long it was, whatever was done to the wall clock; on another machine the wall clock must do.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Clock } from "@danube/kit";
import { Timestamp } from "@danube/protocol";
import { z } from "zod";

export const TimeMark = z.object({ at: Timestamp, bootId: z.string(), uptimeMs: z.number() });
export type TimeMark = z.infer<typeof TimeMark>;

/** The uptime of this machine. It goes on while processes come and go, and never back. */
export interface Uptime {
  readonly bootId: string;
  uptimeMs(): number;
}

export interface Stopwatch {
  mark(): TimeMark;
  /** Milliseconds since `mark` was made; never negative. */
  elapsedMs(mark: TimeMark): number;
}

export function createStopwatch(clock: Clock, uptime: Uptime): Stopwatch {
  return {
    mark: () => ({ at: clock.now().toISOString(), bootId: uptime.bootId, uptimeMs: uptime.uptimeMs() }),
    elapsedMs(mark) {
      const byUptime = uptime.uptimeMs() - mark.uptimeMs;
      if (mark.bootId === uptime.bootId && byUptime >= 0) return byUptime;
      return Math.max(0, clock.now().getTime() - Date.parse(mark.at));
    },
  };
}

/** The machine's own uptime: CLOCK_MONOTONIC, which Node's hrtime reads. Where the boot has no id, each process is one. */
export function systemUptime(): Uptime {
  return { bootId: bootId(), uptimeMs: () => Number(process.hrtime.bigint() / 1_000_000n) };
}

function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return randomUUID();
  }
}
