import type { Job } from "@danube/protocol";

/** The list with a job as it is now: in its place if it is there, else where its id, which sorts by time, belongs. */
export function withJob(jobs: readonly Job[], job: Job): Job[] {
  const known = jobs.find(({ id }) => id === job.id);
  if (known !== undefined && known.version >= job.version) return [...jobs];
  const others = jobs.filter(({ id }) => id !== job.id);
  const at = others.findIndex(({ id }) => id < job.id);
  return at === -1 ? [...others, job] : [...others.slice(0, at), job, ...others.slice(at)];
}

/** Two pages of jobs as one list. */
export function withPage(jobs: readonly Job[], page: readonly Job[]): Job[] {
  return page.reduce<Job[]>((list, job) => withJob(list, job), [...jobs]);
}
