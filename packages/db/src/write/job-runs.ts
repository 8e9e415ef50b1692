// What the control plane keeps of a job for itself while the job is active, so that it can go on after a restart. Marks are
// texts that only the control plane understands: points in time from which it measures durations.
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";
import { updateJob } from "./jobs.ts";
import type { JobRecord } from "../rows/job.ts";

export interface JobRun {
  /** `danube run`: the author's own directory, in which the job works instead of a checkout. */
  readonly workspaceDirectory?: string;
  /** When it was admitted. */
  readonly scheduledMark?: string;
  /** When its pipeline function was called. */
  readonly startedMark?: string;
  /** When it was asked to end. */
  readonly endingMark?: string;
}

const byJob = prepare<{ jobId: string }>()((p) =>
  sqlBuilder
    .selectFrom("job_runs")
    .select(["workspace_directory", "scheduled_mark", "started_mark", "ending_mark"])
    .where("job_id", "=", p.jobId),
);
const upsert = prepare<{
  jobId: string;
  workspaceDirectory: string | null;
  scheduledMark: string | null;
  startedMark: string | null;
  endingMark: string | null;
}>()((p) => {
  const row = {
    workspace_directory: p.workspaceDirectory,
    scheduled_mark: p.scheduledMark,
    started_mark: p.startedMark,
    ending_mark: p.endingMark,
  };
  return sqlBuilder
    .insertInto("job_runs")
    .values({ job_id: p.jobId, ...row })
    .onConflict((conflict) => conflict.column("job_id").doUpdateSet(row));
});
const remove = prepare<{ jobId: string }>()((p) => sqlBuilder.deleteFrom("job_runs").where("job_id", "=", p.jobId));
const tokenHash = prepare<{ jobId: string }>()((p) =>
  sqlBuilder.selectFrom("jobs").select("token_sha256").where("id", "=", p.jobId),
);

/** The hash of the token that the job's Coordinator has, if one was made and the job is not final. */
export function findJobTokenHash(transaction: ReadTransaction, jobId: string): string | undefined {
  return transaction.first(tokenHash({ jobId }))?.token_sha256 ?? undefined;
}

/** What was kept of the job; empty if nothing was. */
export function getJobRun(transaction: ReadTransaction, jobId: string): JobRun {
  const row = transaction.first(byJob({ jobId }));
  if (!row) return {};
  return {
    workspaceDirectory: row.workspace_directory ?? undefined,
    scheduledMark: row.scheduled_mark ?? undefined,
    startedMark: row.started_mark ?? undefined,
    endingMark: row.ending_mark ?? undefined,
  };
}

/** Keeps `fields` of the job, beside what was kept before. */
export function keepJobRun(transaction: WriteTransaction, jobId: string, fields: JobRun): void {
  const run = { ...getJobRun(transaction, jobId), ...fields };
  transaction.run(
    upsert({
      jobId,
      workspaceDirectory: run.workspaceDirectory ?? null,
      scheduledMark: run.scheduledMark ?? null,
      startedMark: run.startedMark ?? null,
      endingMark: run.endingMark ?? null,
    }),
  );
}

/** Forgets what was kept of the job. */
export function deleteJobRun(transaction: WriteTransaction, jobId: string): void {
  transaction.run(remove({ jobId }));
}

/** Remembers which commit the job is about, when its trigger did not say. `branch` only fills a gap. */
export function setJobCommit(
  transaction: WriteTransaction,
  jobId: string,
  commit: { readonly commitSha: string; readonly ref?: string; readonly branch?: string },
): JobRecord {
  return updateJob(transaction, jobId, {
    trigger_sha: commit.commitSha,
    ...(commit.ref === undefined ? {} : { trigger_ref: commit.ref }),
    ...(commit.branch === undefined ? {} : { trigger_branch: commit.branch }),
  });
}
