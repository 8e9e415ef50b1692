// Artifacts: a row appears once the file is whole and its digest matched, and goes before the file goes.
import { type Artifact, DanubeError } from "@danube/protocol";
import { toArtifact } from "../rows/artifact.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";

const byId = prepare<{ artifactId: string }>()((p) =>
  sqlBuilder.selectFrom("artifacts").selectAll().where("id", "=", p.artifactId),
);
const byName = prepare<{ jobId: string; name: string }>()((p) =>
  sqlBuilder.selectFrom("artifacts").selectAll().where("job_id", "=", p.jobId).where("name", "=", p.name),
);
const createdBefore = prepare<{ createdBefore: string; limit: number }>()((p) =>
  sqlBuilder
    .selectFrom("artifacts")
    .selectAll()
    .where("created_at", "<", p.createdBefore)
    .orderBy("created_at")
    .orderBy("id")
    .limit(p.limit),
);

/** The artifact, if it exists. */
export function findArtifact(transaction: ReadTransaction, artifactId: string): Artifact | undefined {
  const row = transaction.first(byId({ artifactId }));
  return row && toArtifact(row);
}

/** The artifact of this name in a job, if it exists. */
export function findArtifactByName(
  transaction: ReadTransaction,
  key: { readonly jobId: string; readonly name: string },
): Artifact | undefined {
  const row = transaction.first(byName(key));
  return row && toArtifact(row);
}

/** Artifacts older than a time, oldest first. */
export function listOldArtifacts(
  transaction: ReadTransaction,
  options: { readonly createdBefore: string; readonly limit: number },
): Artifact[] {
  return transaction.all(createdBefore(options)).map(toArtifact);
}

/**
 * Makes an artifact visible. The same one again changes nothing. Throws `idempotency_mismatch` when the id stands for other
 * bytes or another name, and `conflict` when the job has another artifact of this name.
 */
export function createArtifact(transaction: WriteTransaction, artifact: Omit<Artifact, "createdAt">): Artifact {
  const ids = { artifactId: artifact.id, jobId: artifact.jobId };
  const existing = findArtifact(transaction, artifact.id);
  if (existing) {
    if (existing.jobId === artifact.jobId && existing.name === artifact.name && existing.sha256 === artifact.sha256) {
      return existing;
    }
    throw new DanubeError("idempotency_mismatch", `Artifact ${artifact.id} was uploaded as something else.`, { ids });
  }
  if (findArtifactByName(transaction, artifact)) {
    throw new DanubeError("conflict", `The job already has an artifact named "${artifact.name}".`, { ids });
  }
  transaction.run(
    sqlBuilder
      .insertInto("artifacts")
      .values({
        id: artifact.id,
        job_id: artifact.jobId,
        name: artifact.name,
        file_name: artifact.fileName,
        kind: artifact.kind,
        size_bytes: artifact.sizeBytes,
        sha256: artifact.sha256,
        created_at: transaction.now,
      })
      .compile(),
  );
  return { ...artifact, createdAt: transaction.now };
}

/** Deletes the row of an artifact; the caller deletes the file after the commit. Tells whether there was one. */
export function deleteArtifact(transaction: WriteTransaction, artifactId: string): boolean {
  return transaction.run(sqlBuilder.deleteFrom("artifacts").where("id", "=", artifactId).compile()).changes === 1;
}
