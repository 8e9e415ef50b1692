// How far the deletion of a sandbox has come.
import type { Cancel, Clock } from "@danube/kit";

/** How far a deletion has come: all containers have ended; the Pod's object is gone. */
export interface Progress {
  readonly over: Promise<void>;
  readonly gone: Promise<void>;
}

export interface Deletion {
  readonly done: Promise<void>;
  readonly over: () => void;
  readonly gone: () => void;
}

/** Whether `promise` resolves within `ms`. Rejects when it does. */
export async function settlesWithin(clock: Clock, promise: Promise<void>, ms: number): Promise<boolean> {
  let cancel: Cancel = () => undefined;
  const tooLate = new Promise<boolean>((resolve) => {
    cancel = clock.setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), tooLate]);
  } finally {
    cancel();
  }
}
