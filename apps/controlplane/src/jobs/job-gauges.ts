// How many jobs wait and run, kept up to date with every change.
import type { Metrics } from "@danube/kit";
import { type Change, isFinal, type Job } from "@danube/protocol";

export function createJobGauges(metrics: Pick<Metrics, "activeJobs" | "jobQueueSize">, initial: readonly Job[]) {
  const pending = new Set<string>();
  const active = new Set<string>();
  const note = (job: Job): void => {
    pending.delete(job.id);
    active.delete(job.id);
    if (job.status === "pending") pending.add(job.id);
    else if (!isFinal(job.status)) active.add(job.id);
    metrics.jobQueueSize.set(pending.size);
    metrics.activeJobs.set(active.size);
  };
  for (const job of initial) note(job);
  return {
    onChange(change: Change): void {
      if (change.type === "job") note(change.job);
    },
  };
}
