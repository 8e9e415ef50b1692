// Which pids can have been given since a moment. The kernel gives them in ascending order and begins again at its maximum,
// so that looking for a young sandbox's processes need not look at all of the machine's.
import { readFileSync } from "node:fs";
import { z } from "zod";

/** A moment in the life of the machine's pids: the last one given, and how many were given since its start. */
export const PidMoment = z.object({ lastPid: z.number().int(), forks: z.number().int() });
export type PidMoment = z.infer<typeof PidMoment>;

/** The present moment; undefined where the system does not tell. */
export function readPidMoment(): PidMoment | undefined {
  try {
    const lastPid = Number(/(\d+)\s*$/.exec(readFileSync("/proc/loadavg", "latin1"))?.[1]);
    const forks = Number(/^processes (\d+)$/m.exec(readFileSync("/proc/stat", "latin1"))?.[1]);
    return Number.isInteger(lastPid) && Number.isInteger(forks) ? { lastPid, forks } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Tells for a pid whether it can have been given between two moments; undefined when every pid can: then so many were given
 * in between that they may have come round.
 */
export function pidWindow(
  since: PidMoment | undefined,
  until: PidMoment | undefined,
  maximum: number,
): ((pid: number) => boolean) | undefined {
  if (since === undefined || until === undefined) return undefined;
  const given = until.forks - since.forks;
  if (given < 0 || given >= maximum / 4) return undefined;
  if (since.lastPid <= until.lastPid) return (pid) => pid > since.lastPid && pid <= until.lastPid;
  return (pid) => pid > since.lastPid || pid <= until.lastPid;
}

/** The number at which pids begin again. */
export function readMaximumPid(): number {
  try {
    return Number(readFileSync("/proc/sys/kernel/pid_max", "latin1"));
  } catch {
    return 0;
  }
}
