// What keeps this process alive. The connection to the control plane does not: when the event loop has nothing else to wait
// for, and nothing of ours is under way, then what the pipeline waits for can never happen, and Node says so by `beforeExit`.
import { type Clock, systemClock } from "@danube/kit";

export interface Hold {
  /** Keeps the process alive until `work` settles. */
  during<T>(work: Promise<T>): Promise<T>;
}

export function createHold(): Hold {
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  const release = (): void => {
    count -= 1;
    if (count > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  return {
    during(work) {
      count += 1;
      timer ??= setInterval(() => undefined, 2_147_483_647);
      return work.finally(release);
    },
  };
}

/** Timers that do not keep the process alive: for the connection, whose pings must not count as something to wait for. */
export const idleClock: Clock = {
  ...systemClock,
  setTimeout(run, ms) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};
