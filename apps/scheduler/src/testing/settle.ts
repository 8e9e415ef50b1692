import { setImmediate } from "node:timers/promises";
import type { Scheduler } from "../app.ts";
import type { TestControlPlane } from "./control-plane.ts";

/**
 * Resolves when nothing happens any more by itself. Everything between the scheduler and its test control plane goes on in
 * turns of the event loop, so a number of turns in which nothing was told is the end.
 */
export async function settle(scheduler: Scheduler, plane: TestControlPlane): Promise<void> {
  for (let quiet = 0; quiet < 5; quiet++) {
    const before = plane.told.length;
    await scheduler.idle();
    await setImmediate();
    if (plane.told.length !== before) quiet = -1;
  }
}
