import type { JobQueue, Some, Waiting } from "./job-queue.ts";

/** The sentences for people on a pending job: which limit it waits for, who runs, and who goes before it. */
export function describeWaiting({ group, isGroupFull, running, ahead }: Waiting): string {
  const place = isGroupFull
    ? `Waits for ${group.title} (limit ${group.limit}).`
    : `Waits for a free place: at most ${group.limit} ${group.limit === 1 ? "job runs" : "jobs run"} at once.`;
  const now = isGroupFull && running.count > 0 ? ` Running: ${list(running)}.` : "";
  const before = ahead.count === 0 ? " It is the next." : ` Ahead of it: ${list(ahead)}.`;
  return `${place}${now}${before}`;
}

/**
 * What `explainPending` has to be asked to bring the sentences on the `limit` pending jobs nearest to the front up to date.
 * Further back they may be a little behind: to tell thousands of jobs of each step forward would cost more than it is worth.
 */
export function findStaleExplanations(
  queue: JobQueue,
  limit: number,
): { jobId: string; expectedVersion: number; message: string }[] {
  return queue.front(limit).flatMap(({ id, version, message: known }) => {
    const why = queue.explain(id);
    const message = why && describeWaiting(why);
    return message === undefined || message === known || version === 0
      ? []
      : [{ jobId: id, expectedVersion: version, message }];
  });
}

function list({ count, first }: Some): string {
  const names = first.map(({ pipelineName, number }) => `${pipelineName}${number === undefined ? "" : ` #${number}`}`);
  const more = count - names.length;
  return more > 0 ? `${names.join(", ")} and ${more} more` : names.join(", ");
}
