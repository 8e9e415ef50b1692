import { DanubeError, type Job, type NewJob } from "@danube/protocol";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { WriteTransaction } from "../sql/transaction.ts";
import { findJob, getJob } from "./jobs.ts";

const takeNumber = prepare<{ pipelineId: string }>()((p) =>
  sqlBuilder
    .updateTable("pipelines")
    .set((builder) => ({ next_job_number: builder("next_job_number", "+", 1) }))
    .where("id", "=", p.pipelineId)
    .returning(["next_job_number", "revision"]),
);
const revisionOf = prepare<{ pipelineId: string }>()((p) =>
  sqlBuilder.selectFrom("pipelines").select("revision").where("id", "=", p.pipelineId),
);

/**
 * Makes a job, as `scheduling` if it is admitted and else as `pending`. The next attempt of a job (`attempt` above 1) keeps
 * the number of its `parentJobId`; every other one gets the pipeline's next number. Idempotent by id. Throws `not_found`
 * for an unknown pipeline or parent. What it `supersedes` is the caller's to cancel, in the same transaction.
 */
export function createJob(transaction: WriteTransaction, job: NewJob): Job {
  const existing = findJob(transaction, job.id);
  if (existing) return existing.job;
  const { number, revision } = numberFor(transaction, job);
  const { trigger } = job;
  transaction.run(
    sqlBuilder
      .insertInto("jobs")
      .values({
        id: job.id,
        pipeline_id: job.pipelineId,
        pipeline_revision: revision,
        number,
        attempt: job.attempt,
        parent_job_id: job.parentJobId ?? null,
        status: job.admit ? "scheduling" : "pending",
        message: job.admit ? null : (job.message ?? null),
        trigger_type: trigger.type,
        trigger_id: trigger.triggerId ?? null,
        trigger_ref: trigger.ref ?? null,
        trigger_branch: trigger.branch ?? null,
        trigger_tag: trigger.tag ?? null,
        trigger_sha: trigger.commitSha ?? null,
        trigger_message: trigger.commitMessage ?? null,
        trigger_actor: trigger.actor ?? null,
        trigger_pull_request: trigger.pullRequest ? JSON.stringify(trigger.pullRequest) : null,
        params: JSON.stringify(job.params),
        version: 1,
        sandbox: job.admit ? "expected" : "none",
        created_at: transaction.now,
        queued_at: job.admit ? transaction.now : null,
      })
      .compile(),
  );
  return getJob(transaction, job.id).job;
}

function numberFor(transaction: WriteTransaction, job: NewJob): { number: number; revision: number } {
  const ids = { pipelineId: job.pipelineId, jobId: job.id };
  if (job.attempt > 1) {
    if (job.parentJobId === undefined) {
      throw new DanubeError("invalid_request", `Attempt ${job.attempt} of a job must name its parent job.`, { ids });
    }
    const parent = getJob(transaction, job.parentJobId).job;
    const pipeline = transaction.first(revisionOf({ pipelineId: job.pipelineId }));
    if (!pipeline || parent.pipelineId !== job.pipelineId) {
      throw new DanubeError("invalid_request", `Job ${parent.id} belongs to another pipeline.`, { ids });
    }
    return { number: parent.number, revision: pipeline.revision };
  }
  const taken = transaction.first(takeNumber({ pipelineId: job.pipelineId }));
  if (!taken) throw new DanubeError("not_found", `There is no pipeline ${job.pipelineId}.`, { ids });
  return { number: taken.next_job_number - 1, revision: taken.revision };
}
