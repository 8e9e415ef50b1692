// Jobs: reading them with what only the control plane may know, and the facts beside their status.
// What changes a status is in transition-job.ts; what makes a job is in create-job.ts.
import { DanubeError, type JobOutcome } from "@danube/protocol";
import { sql, type Updateable } from "kysely";
import { type JobRecord, selectJobs, toJobRecord } from "../rows/job.ts";
import type { JobsTable } from "../schema.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare, prepareConstant } from "../sql/prepare.ts";
import type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";

const byId = prepare<{ jobId: string }>()((p) => selectJobs.where("j.id", "=", p.jobId));
const byToken = prepare<{ tokenSha256: string }>()((p) => selectJobs.where("j.token_sha256", "=", p.tokenSha256));
const active = prepareConstant(() =>
  selectJobs.where("j.status", "in", ["pending", "scheduling", "running"]).orderBy("j.created_at").orderBy("j.id"),
);
const endedWithSandbox = prepareConstant(() =>
  selectJobs
    .where("j.sandbox", "=", sql.lit("expected" as const))
    .where("j.finished_at", "is not", null)
    .orderBy("j.finished_at"),
);
const logsBefore = prepare<{ finishedBefore: string; limit: number }>()((p) =>
  selectJobs
    .where("j.finished_at", "<", p.finishedBefore)
    .where("j.log_deleted_at", "is", null)
    .orderBy("j.finished_at")
    .limit(p.limit),
);

/** The job, if it exists. */
export function findJob(transaction: ReadTransaction, jobId: string): JobRecord | undefined {
  const row = transaction.first(byId({ jobId }));
  return row && toJobRecord(row);
}

/** The job. Throws `not_found`. */
export function getJob(transaction: ReadTransaction, jobId: string): JobRecord {
  const found = findJob(transaction, jobId);
  if (!found) throw new DanubeError("not_found", `There is no job ${jobId}.`, { ids: { jobId } });
  return found;
}

/** The job whose Coordinator has this token. None once the job is final: the token is forgotten with its end. */
export function findJobByToken(transaction: ReadTransaction, tokenSha256: string): JobRecord | undefined {
  const row = transaction.first(byToken({ tokenSha256 }));
  return row && toJobRecord(row);
}

/** All jobs that are not final, oldest first. */
export function listActiveJobs(transaction: ReadTransaction): JobRecord[] {
  return transaction.all(active()).map(toJobRecord);
}

/** Final jobs of which something may still be running: their sandboxes are to be deleted. */
export function listEndedJobsWithSandbox(transaction: ReadTransaction): JobRecord[] {
  return transaction.all(endedWithSandbox()).map(toJobRecord);
}

/** Jobs that ended before a time and still have their log, oldest first. */
export function listJobsWithOldLog(
  transaction: ReadTransaction,
  options: { readonly finishedBefore: string; readonly limit: number },
): JobRecord[] {
  return transaction.all(logsBefore(options)).map(toJobRecord);
}

/** Remembers the hash of the token that the job's Coordinator gets. Throws `job_not_active` for a final job. */
export function setJobToken(transaction: WriteTransaction, jobId: string, tokenSha256: string): JobRecord {
  const { job } = getJob(transaction, jobId);
  if (job.finishedAt !== undefined) {
    throw new DanubeError("job_not_active", `Job ${jobId} has ended and can't get a token.`, { ids: { jobId } });
  }
  return updateJob(transaction, jobId, { token_sha256: tokenSha256 });
}

/**
 * Remembers how the pipeline function ended, as the Coordinator reported it. The first report stays: a second, other one
 * changes nothing. Throws `job_not_active` when the job has ended without one.
 */
export function recordJobOutcome(transaction: WriteTransaction, jobId: string, outcome: JobOutcome): JobRecord {
  const record = getJob(transaction, jobId);
  if (record.outcome) return record;
  if (record.job.finishedAt !== undefined) {
    throw new DanubeError("job_not_active", `Job ${jobId} has ended already.`, { ids: { jobId } });
  }
  return updateJob(transaction, jobId, { outcome: JSON.stringify(outcome) });
}

/**
 * Says on an active job why it waits, if it still is at `expectedVersion` (when one is given). Undefined when it is not, or
 * is final.
 */
export function explainJob(
  transaction: WriteTransaction,
  options: { readonly jobId: string; readonly message: string; readonly expectedVersion?: number },
): JobRecord | undefined {
  const record = getJob(transaction, options.jobId);
  const { job } = record;
  if (job.finishedAt !== undefined) return undefined;
  if (options.expectedVersion !== undefined && options.expectedVersion !== job.version) return undefined;
  if (job.message === options.message) return record;
  return updateJob(transaction, options.jobId, { message: options.message });
}

/** Remembers that nothing is left of the job's sandbox. Idempotent. */
export function markSandboxDeleted(transaction: WriteTransaction, jobId: string): JobRecord {
  const record = getJob(transaction, jobId);
  return record.sandbox === "deleted" ? record : updateJob(transaction, jobId, { sandbox: "deleted" });
}

/** Remembers that the job's log was deleted by retention. Idempotent. */
export function markLogDeleted(transaction: WriteTransaction, jobId: string): JobRecord {
  const record = getJob(transaction, jobId);
  return record.logDeletedAt ? record : updateJob(transaction, jobId, { log_deleted_at: transaction.now });
}

/** Changes a row whose existence is certain, and its version with it. Only for this folder. */
export function updateJob(
  transaction: WriteTransaction,
  jobId: string,
  fields: Omit<Updateable<JobsTable>, "id" | "version">,
): JobRecord {
  transaction.run(
    sqlBuilder
      .updateTable("jobs")
      .set((builder) => ({ ...fields, version: builder("version", "+", 1) }))
      .where("id", "=", jobId)
      .compile(),
  );
  return getJob(transaction, jobId);
}
