// What a sandbox waits for and may wait for a while only: since when, and whether that is too long by now.
import type { Cancel, Clock } from "@danube/kit";

export type PodProblem = "image_pull" | "unschedulable";

export interface PodProblems {
  /** Notes that the job has this problem now; undefined for none. Tells whether its grace is over. */
  isOver(jobId: string, problem: PodProblem | undefined): boolean;
  /** The best sentence there is for the problem that was noted: this one, or the one before if this one is vague. */
  describe(jobId: string, message: string, isVague: boolean): string;
  forget(jobId: string): void;
  /** Forgets all. */
  clear(): void;
}

export interface PodProblemsOptions {
  readonly clock: Clock;
  readonly gracesMs: Readonly<Record<PodProblem, number>>;
  /** Called when a job's grace is over and the problem was not told to be gone. */
  readonly onOver: (jobId: string) => void;
}

interface Noted {
  readonly problem: PodProblem;
  readonly sinceMs: number;
  readonly cancel: Cancel;
  message?: string;
}

export function createPodProblems({ clock, gracesMs, onOver }: PodProblemsOptions): PodProblems {
  const known = new Map<string, Noted>();

  function forget(jobId: string): void {
    known.get(jobId)?.cancel();
    known.delete(jobId);
  }

  return {
    isOver(jobId, problem) {
      const before = known.get(jobId);
      if (before !== undefined && before.problem === problem)
        return clock.monotonicMs() - before.sinceMs >= gracesMs[before.problem];
      forget(jobId);
      if (problem === undefined) return false;
      // A little later than the grace, so that it is over for certain when we look.
      const cancel = clock.setTimeout(() => onOver(jobId), gracesMs[problem] + 50);
      known.set(jobId, { problem, sinceMs: clock.monotonicMs(), cancel });
      return gracesMs[problem] <= 0;
    },
    describe(jobId, message, isVague) {
      const noted = known.get(jobId);
      if (noted === undefined) return message;
      if (noted.message === undefined || !isVague) noted.message = message;
      return noted.message;
    },
    forget,
    clear() {
      for (const jobId of known.keys()) forget(jobId);
    },
  };
}
