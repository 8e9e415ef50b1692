// The end of a process, in order.
//
//   1. Whoever starts something that must be stopped registers it with `add`, right after it has started.
//   2. SIGTERM or SIGINT, or a call of `stop`: `signal` aborts, then everything is stopped, the last added first, one after
//      the other. One that fails is logged, and the others still get their turn.
//   3. When all is stopped, or the deadline has passed, the process exits. A second signal ends it at once.
// SIGHUP calls the reload hooks and stops nothing.
import { type Clock, systemClock } from "./clock.ts";
import type { Logger } from "./logger.ts";

export interface ShutdownOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** For all resources together. 30 seconds unless told otherwise. */
  readonly deadlineMs?: number;
  /** Where signals come from and the exit goes to: `process`, unless a test plays it. */
  readonly process?: ShutdownProcess;
}

export interface ShutdownProcess {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
  exit(code: number): void;
}

export interface Shutdown {
  /** Aborts when the shutdown begins. For work to end itself; never hand it to a clean-up. */
  readonly signal: AbortSignal;
  /** Registers a resource; `stop` is called at most once. Added during a shutdown, it is stopped too. */
  add(name: string, stop: () => Promise<void> | void): void;
  /** Registers a hook for SIGHUP; what it throws is logged. */
  onReload(reload: () => Promise<void> | void): void;
  /** Begins to listen for signals. */
  listen(): void;
  /** Stops everything without an exit. Resolves with whether all stopped well and in time; every call gets the same promise. */
  stop(reason: string): Promise<boolean>;
}

const exitCodes = { SIGTERM: 0, SIGINT: 130 } as const;

/** The shutdown of one process. */
export function createShutdown(options: ShutdownOptions): Shutdown {
  const { logger, clock = systemClock, deadlineMs = 30_000, process: host = process } = options;
  const abort = new AbortController();
  const resources: { name: string; stop: () => Promise<void> | void }[] = [];
  const reloads: (() => Promise<void> | void)[] = [];
  let stopping: Promise<boolean> | undefined;

  const stopAll = async (state: { current?: string }): Promise<boolean> => {
    let good = true;
    for (let resource = resources.pop(); resource; resource = resources.pop()) {
      state.current = resource.name;
      try {
        await resource.stop();
      } catch (error) {
        good = false;
        logger.error(`${resource.name} did not stop well`, { resource: resource.name, error });
      }
    }
    return good;
  };
  const stop = (reason: string): Promise<boolean> => {
    stopping ??= (async () => {
      logger.info("Shutting down", { reason });
      abort.abort(new Error(`shutting down: ${reason}`));
      const state: { current?: string } = {};
      const { promise: late, resolve } = Promise.withResolvers<boolean>();
      const cancel = clock.setTimeout(() => {
        const left = [...resources.map((resource) => resource.name), ...(state.current ? [state.current] : [])];
        logger.error("The shutdown took too long", { deadlineMs, left: left.reverse() });
        resolve(false);
      }, deadlineMs);
      const good = await Promise.race([stopAll(state), late]);
      cancel();
      return good;
    })();
    return stopping;
  };

  const onSignal = (signal: keyof typeof exitCodes): void => {
    if (stopping) {
      logger.warn("A second signal: ending at once", { signal });
      return host.exit(signal === "SIGINT" ? 130 : 143);
    }
    void stop(signal).then((good) => host.exit(good ? exitCodes[signal] : 1));
  };
  const onReloadSignal = async (): Promise<void> => {
    logger.info("Reloading", { reason: "SIGHUP" });
    for (const reload of reloads) {
      try {
        await reload();
      } catch (error) {
        logger.error("A reload failed; what was before stays", { error });
      }
    }
  };

  return {
    signal: abort.signal,
    add: (name, stopResource) => void resources.push({ name, stop: stopResource }),
    onReload: (reload) => void reloads.push(reload),
    listen() {
      host.on("SIGTERM", () => onSignal("SIGTERM"));
      host.on("SIGINT", () => onSignal("SIGINT"));
      host.on("SIGHUP", () => void onReloadSignal());
    },
    stop,
  };
}
