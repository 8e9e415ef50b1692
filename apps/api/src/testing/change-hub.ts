// The writer's stream of changes, as the control plane serves it: every watcher begins with `reset`.
import type { Change } from "@danube/protocol";
import type { ChangeSource } from "../streams/change-feed.ts";

export interface ChangeHub extends ChangeSource {
  publish(change: Change): void;
  /** Breaks all streams, as the death of the control plane would. */
  breakAll(): void;
}

export function createChangeHub(): ChangeHub {
  const watchers = new Set<{ push(change: Change): void; fail(): void }>();
  return {
    publish(change) {
      for (const watcher of watchers) watcher.push(change);
    },
    breakAll() {
      for (const watcher of watchers) watcher.fail();
    },
    async *watch(signal) {
      const queue: Change[] = [{ type: "reset" }];
      let broken = false;
      let wake = (): void => undefined;
      const watcher = {
        push: (change: Change) => {
          queue.push(change);
          wake();
        },
        fail: () => {
          broken = true;
          wake();
        },
      };
      watchers.add(watcher);
      signal.addEventListener("abort", () => wake(), { once: true });
      try {
        while (!signal.aborted) {
          if (broken) throw new Error("The connection was cut.");
          const change = queue.shift();
          if (change !== undefined) yield change;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
        }
      } finally {
        watchers.delete(watcher);
      }
    },
  };
}
