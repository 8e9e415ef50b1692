import type { Some, Waiting } from "./job-queue.ts";

/** The sentences for people on a pending job: which limit it waits for, who runs, and who goes before it. */
export function describeWaiting({ group, isGroupFull, running, ahead }: Waiting): string {
  const place = isGroupFull
    ? `Waits for ${group.title} (limit ${group.limit}).`
    : `Waits for a free place: at most ${group.limit} ${group.limit === 1 ? "job runs" : "jobs run"} at once.`;
  const now = isGroupFull && running.count > 0 ? ` Running: ${list(running)}.` : "";
  const before = ahead.count === 0 ? " It is the next." : ` Ahead of it: ${list(ahead)}.`;
  return `${place}${now}${before}`;
}

function list({ count, first }: Some): string {
  const names = first.map(({ pipelineName, number }) => `${pipelineName}${number === undefined ? "" : ` #${number}`}`);
  const more = count - names.length;
  return more > 0 ? `${names.join(", ")} and ${more} more` : names.join(", ");
}
