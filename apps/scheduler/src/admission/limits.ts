// How many jobs may run at once: a global limit, and one for each group. Jobs of a pipeline with `concurrency.group` share
// that group with other pipelines (limit 1 unless one of them states another); a pipeline with a limit alone is a group of
// its own; all other jobs know the global limit only.
import type { Configuration } from "../configuration.ts";

export interface Group {
  /** Unique among groups. */
  readonly key: string;
  /** How a sentence names it. */
  readonly title: string;
  readonly limit: number;
}

export interface Limits {
  readonly maxJobs: number;
  /** The group of a pipeline's jobs. */
  groupOf(pipelineId: string): Group;
}

const unlimited: Group = { key: "", title: "", limit: Number.POSITIVE_INFINITY };

export function limitsOf(configuration: Configuration): Limits {
  const shared = new Map<string, number>();
  for (const { document } of configuration.pipelines) {
    const { group, limit } = document.spec.concurrency;
    if (group !== undefined && limit !== undefined) shared.set(group, Math.min(limit, shared.get(group) ?? limit));
  }
  const groups = new Map<string, Group>();
  for (const { id, name, document } of configuration.pipelines) {
    const { group, limit } = document.spec.concurrency;
    if (group !== undefined) {
      const title = `the concurrency group ${JSON.stringify(group)}`;
      groups.set(id, { key: `group ${group}`, title, limit: shared.get(group) ?? 1 });
    } else if (limit !== undefined) groups.set(id, { key: `pipeline ${id}`, title: `the pipeline ${name}`, limit });
  }
  return {
    maxJobs: configuration.config.concurrency.max_jobs,
    groupOf: (pipelineId) => groups.get(pipelineId) ?? unlimited,
  };
}
