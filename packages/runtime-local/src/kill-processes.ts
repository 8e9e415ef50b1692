// Ends processes that do not want to end: whatever they fork, how often and into which session.
import { setTimeout as delay } from "node:timers/promises";
import { DanubeError } from "@danube/protocol";
import { signalProcess } from "./process-table.ts";

export interface KillOptions {
  /** Finds all that still run, by pid. */
  readonly find: () => number[];
  /** How long they may take to end after SIGTERM; 0 for none. */
  readonly graceMs: number;
  /** How long SIGKILL may take, in milliseconds. */
  readonly deadlineMs: number;
}

/** Resolves when `find` finds nothing any more. Rejects with `unavailable` when something survives the deadline. */
export async function killProcesses({ find, graceMs, deadlineMs }: KillOptions): Promise<void> {
  let found = find();
  if (found.length === 0) return;
  if (graceMs > 0) {
    for (const pid of found) signalProcess(pid, "SIGTERM");
    found = await waitForNone(find, graceMs);
  }
  const deadline = performance.now() + deadlineMs;
  let pauseMs = 1;
  // Two empty looks in a row: a process can be born while its parent, already looked at, dies.
  for (let emptyLooks = 0; emptyLooks < 2; ) {
    if (found.length === 0) emptyLooks++;
    else {
      emptyLooks = 0;
      if (performance.now() > deadline)
        throw new DanubeError("unavailable", `The processes ${found.join(", ")} do not end, not even by SIGKILL.`);
      kill(found, find);
      await delay(pauseMs);
      pauseMs = Math.min(pauseMs * 2, 50);
    }
    found = find();
  }
}

// Stops all of them before it kills any, so that none can start another while the rest dies.
function kill(found: readonly number[], find: () => number[]): void {
  const stopped = new Set<number>();
  let fresh = found;
  for (let round = 0; fresh.length > 0 && round < 20; round++) {
    for (const pid of fresh) {
      signalProcess(pid, "SIGSTOP");
      stopped.add(pid);
    }
    fresh = find().filter((pid) => !stopped.has(pid));
  }
  for (const pid of [...stopped, ...fresh]) signalProcess(pid, "SIGKILL");
}

async function waitForNone(find: () => number[], timeoutMs: number): Promise<number[]> {
  const end = performance.now() + timeoutMs;
  let pauseMs = 2;
  for (;;) {
    const found = find();
    const leftMs = end - performance.now();
    if (found.length === 0 || leftMs <= 0) return found;
    await delay(Math.min(pauseMs, leftMs));
    pauseMs = Math.min(pauseMs * 2, 50);
  }
}
