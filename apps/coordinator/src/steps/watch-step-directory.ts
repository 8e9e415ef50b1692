// Tells when the files of a step may have changed.
import { type FSWatcher, watch } from "node:fs";
import { stepDirectory } from "@danube/protocol";

/** Notifications can be lost (inotify's queue is finite, some file systems have none), so one looks by oneself as well. */
const pollIntervalMs = 250;

export interface StepDirectoryWatch {
  stop(): void;
}

/** Calls `onChange` after each change and at least four times a second, from the next turn of the event loop on. */
export function watchStepDirectory(runDirectory: string, stepId: string, onChange: () => void): StepDirectoryWatch {
  let watcher: FSWatcher | undefined;
  let watchesStep = false;
  const tryWatch = (path: string): FSWatcher | undefined => {
    try {
      const opened = watch(path, { persistent: false }, onEvent);
      // Such as the removal of the directory. The poll goes on.
      opened.on("error", () => opened.close());
      return opened;
    } catch {
      return undefined;
    }
  };
  // The directory appears when the step is launched; until then the one above tells of it.
  const look = (): void => {
    if (watchesStep) return;
    const found = tryWatch(stepDirectory(runDirectory, stepId));
    if (found !== undefined) {
      watchesStep = true;
      watcher?.close();
      watcher = found;
    } else watcher ??= tryWatch(runDirectory);
  };
  const onEvent = (): void => {
    look();
    onChange();
  };
  look();
  const poll = setInterval(onEvent, pollIntervalMs);
  poll.unref();
  return {
    stop() {
      clearInterval(poll);
      watcher?.close();
    },
  };
}
