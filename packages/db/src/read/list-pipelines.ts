import type { PipelineSummary } from "@danube/protocol";
import { selectJobs, toJob } from "../rows/job.ts";
import { withoutNulls } from "../rows/json.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { prepareConstant } from "../sql/prepare.ts";
import type { ReadTransaction } from "../sql/transaction.ts";

const everyPipeline = prepareConstant(() => sqlBuilder.selectFrom("pipelines").selectAll().orderBy("name"));

// One search of the index for each pipeline, however many jobs there are.
const lastJobs = prepareConstant(() =>
  selectJobs.where("j.id", "in", (builder) =>
    builder
      .selectFrom("pipelines as q")
      .select((pipeline) =>
        pipeline
          .selectFrom("jobs as l")
          .select("l.id")
          .whereRef("l.pipeline_id", "=", "q.id")
          .orderBy("l.created_at", "desc")
          .orderBy("l.id", "desc")
          .limit(1)
          .as("id"),
      ),
  ),
);

/** The pipelines in the order of their names, each with its newest job. */
export function listPipelineSummaries(
  transaction: ReadTransaction,
  { includeArchived }: { readonly includeArchived: boolean },
): PipelineSummary[] {
  const jobs = new Map(transaction.all(lastJobs()).map((row) => [row.pipeline_id, toJob(row)]));
  return transaction
    .all(everyPipeline())
    .filter((row) => includeArchived || row.archived_at === null)
    .map((row) => ({
      id: row.id,
      name: row.name,
      ...withoutNulls({ team: row.team }),
      repository: row.repository,
      script: row.script,
      ...withoutNulls({ archivedAt: row.archived_at }),
      ...(jobs.has(row.id) ? { lastJob: jobs.get(row.id) } : {}),
    }));
}
