// Pipelines as jobs need them. What writes them is apply-configuration.ts.
import { DanubeError, PipelineDocument, type StoredPipeline } from "@danube/protocol";
import { readJson } from "../rows/json.ts";
import { selectStoredPipelines, toStoredPipeline } from "../rows/pipeline.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { ReadTransaction } from "../sql/transaction.ts";

const byName = prepare<{ name: string }>()((p) => selectStoredPipelines.where("p.name", "=", p.name));
const byId = prepare<{ pipelineId: string }>()((p) => selectStoredPipelines.where("p.id", "=", p.pipelineId));
const ofJob = prepare<{ jobId: string }>()((p) =>
  sqlBuilder
    .selectFrom("jobs as j")
    .innerJoin("pipeline_revisions as r", (join) =>
      join.onRef("r.pipeline_id", "=", "j.pipeline_id").onRef("r.revision", "=", "j.pipeline_revision"),
    )
    .select("r.document")
    .where("j.id", "=", p.jobId),
);

/** The pipeline of this name, archived or not, if it exists. */
export function findPipelineByName(transaction: ReadTransaction, name: string): StoredPipeline | undefined {
  const row = transaction.first(byName({ name }));
  return row && toStoredPipeline(row);
}

/** The pipeline. Throws `not_found`. */
export function getPipeline(transaction: ReadTransaction, pipelineId: string): StoredPipeline {
  const row = transaction.first(byId({ pipelineId }));
  if (!row) throw new DanubeError("not_found", `There is no pipeline ${pipelineId}.`, { ids: { pipelineId } });
  return toStoredPipeline(row);
}

/** The pipeline's document as it was when the job was made: by it the job runs, whatever was applied since. Throws `not_found`. */
export function getPipelineOfJob(transaction: ReadTransaction, jobId: string): PipelineDocument {
  const row = transaction.first(ofJob({ jobId }));
  if (!row) throw new DanubeError("not_found", `There is no job ${jobId}.`, { ids: { jobId } });
  return readJson(PipelineDocument, row.document, "pipeline_revisions.document");
}
