import type { Artifact } from "@danube/protocol";
import type { Selectable } from "kysely";
import type { ArtifactsTable } from "../schema.ts";

export function toArtifact(row: Selectable<ArtifactsTable>): Artifact {
  return {
    id: row.id,
    jobId: row.job_id,
    name: row.name,
    fileName: row.file_name,
    kind: row.kind,
    sizeBytes: row.size_bytes,
    sha256: row.sha256,
    createdAt: row.created_at,
  };
}
