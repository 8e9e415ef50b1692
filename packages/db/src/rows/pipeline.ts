import { PipelineDocument, type StoredPipeline } from "@danube/protocol";
import { sqlBuilder } from "../sql/builder.ts";
import { readJson, withoutNulls } from "./json.ts";

/** Pipelines with their newest document. */
export const selectStoredPipelines = sqlBuilder
  .selectFrom("pipelines as p")
  .innerJoin("pipeline_revisions as r", (join) =>
    join.onRef("r.pipeline_id", "=", "p.id").onRef("r.revision", "=", "p.revision"),
  )
  .select(["p.id", "p.name", "p.revision", "p.archived_at", "r.document"]);

export interface StoredPipelineRow {
  readonly id: string;
  readonly name: string;
  readonly revision: number;
  readonly archived_at: string | null;
  readonly document: string;
}

export function toStoredPipeline(row: StoredPipelineRow): StoredPipeline {
  return {
    id: row.id,
    name: row.name,
    document: readJson(PipelineDocument, row.document, "pipeline_revisions.document"),
    ...withoutNulls({ archivedAt: row.archived_at }),
  };
}
