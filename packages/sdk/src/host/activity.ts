// Finds what a pipeline started and did not await.
//
// Each step, group, parallel block and artifact transfer is an activity: a promise that knows whether anybody ever asked for
// its value. `await`, `return`, `Promise.all` and the like all call `then` on it, because it is not a plain Promise; they may
// do so at any time until the pipeline function ends. At that end an activity was left alone if nobody ever asked, even when
// it has long been over, or if it is still going on.

/** A promise that remembers whether `then` was ever called on it. What is derived from it is a plain promise. */
export class ActivityPromise<T> extends Promise<T> {
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** Whether anybody waits, or has waited, for the value. */
  consumed = false;

  // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.consumed = true;
    return super.then(onFulfilled, onRejected);
  }
}

export interface LeftAlone {
  /** Such as `step "Install"`. */
  readonly what: string;
  /** Where it was started, such as `danubefile.ts:12`. */
  readonly location: string | undefined;
  /** Whether it is still going on although somebody asked for its value. */
  readonly stillRunning: boolean;
}

interface Activity {
  readonly what: string;
  readonly location: string | undefined;
  readonly promise: ActivityPromise<unknown>;
  settled: boolean;
}

export interface ActivityTracker {
  /** Starts `run` at once and remembers it under a name. The promise rejects if `run` throws. */
  track<T>(what: string, location: string | undefined, run: () => Promise<T>): Promise<T>;
  /** What was left alone, in the order of starting. To be asked once the pipeline function has ended. */
  leftAlone(): LeftAlone[];
}

export function createActivityTracker(): ActivityTracker {
  // Activities that nobody can have forgotten any more are dropped, so that a long pipeline does not collect them.
  const activities = new Set<Activity>();
  return {
    track(what, location, run) {
      const promise = new ActivityPromise<Awaited<ReturnType<typeof run>>>((resolve, reject) => {
        run().then(resolve as (value: unknown) => void, reject);
      });
      const activity: Activity = { what, location, promise, settled: false };
      activities.add(activity);
      const onSettled = () => {
        activity.settled = true;
        for (const each of activities) if (each.settled && each.promise.consumed) activities.delete(each);
      };
      // The base class's `then`: it does not count as asking. And a rejection whose awaiting is still to come must not be
      // taken for an unhandled one.
      void Promise.prototype.then.call(promise, onSettled, onSettled);
      return promise;
    },
    leftAlone() {
      return [...activities]
        .filter((activity) => !activity.promise.consumed || !activity.settled)
        .map(({ what, location, promise }) => ({ what, location, stillRunning: promise.consumed }));
    },
  };
}

/** The sentence for one activity that was left alone. */
export function describeLeftAlone({ what, location, stillRunning }: LeftAlone): string {
  const where = location === undefined ? "" : ` at ${location}`;
  return stillRunning
    ? `${what} was started${where} and was still running when the pipeline function ended; await it`
    : `${what} was started${where} and not awaited`;
}
