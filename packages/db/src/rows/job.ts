import { type Job, JobOutcome, type JobTrigger, ParameterValue, PullRequestInfo, type Reason } from "@danube/protocol";
import type { Selectable } from "kysely";
import { z } from "zod";
import type { JobsTable, SandboxState } from "../schema.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { readJson, withoutNulls } from "./json.ts";

/** A job with what only the control plane may know of it. */
export interface JobRecord {
  readonly job: Job;
  /** `expected` from admission until the sandbox is known to be gone. */
  readonly sandbox: SandboxState;
  /** What the Coordinator reported, if it has. */
  readonly outcome?: JobOutcome;
  /** That somebody wants it to end, while it has not yet. */
  readonly cancellation?: { readonly reason: Reason; readonly message: string; readonly requestedAt: string };
  readonly logDeletedAt?: string;
}

export type JobRow = Selectable<JobsTable> & { pipeline_name: string };

/** Jobs with their pipeline's name. A subquery and not a join, so that no planner ever begins with the pipelines. */
export const selectJobs = sqlBuilder
  .selectFrom("jobs as j")
  .selectAll("j")
  .select((builder) =>
    builder.selectFrom("pipelines as p").select("p.name").whereRef("p.id", "=", "j.pipeline_id").as("pipeline_name"),
  )
  .$narrowType<{ pipeline_name: string }>();

const Params = z.record(z.string(), ParameterValue);

export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    pipelineId: row.pipeline_id,
    pipelineName: row.pipeline_name,
    number: row.number,
    status: row.status,
    ...withoutNulls({ reason: row.reason, message: row.message }),
    trigger: toJobTrigger(row),
    params: row.params === "{}" ? {} : readJson(Params, row.params, "jobs.params"),
    attempt: row.attempt,
    ...withoutNulls({ parentJobId: row.parent_job_id }),
    version: row.version,
    createdAt: row.created_at,
    ...withoutNulls({ queuedAt: row.queued_at, startedAt: row.started_at, finishedAt: row.finished_at }),
  };
}

export function toJobRecord(row: JobRow): JobRecord {
  return {
    job: toJob(row),
    sandbox: row.sandbox,
    ...(row.outcome === null ? {} : { outcome: readJson(JobOutcome, row.outcome, "jobs.outcome") }),
    ...(row.cancel_requested_at === null || row.cancel_reason === null
      ? {}
      : {
          cancellation: {
            reason: row.cancel_reason,
            message: row.cancel_message ?? "",
            requestedAt: row.cancel_requested_at,
          },
        }),
    ...withoutNulls({ logDeletedAt: row.log_deleted_at }),
  };
}

function toJobTrigger(row: JobRow): JobTrigger {
  return {
    type: row.trigger_type,
    ...withoutNulls({
      triggerId: row.trigger_id,
      ref: row.trigger_ref,
      branch: row.trigger_branch,
      tag: row.trigger_tag,
      commitSha: row.trigger_sha,
      commitMessage: row.trigger_message,
      actor: row.trigger_actor,
    }),
    ...(row.trigger_pull_request === null
      ? {}
      : { pullRequest: readJson(PullRequestInfo, row.trigger_pull_request, "jobs.trigger_pull_request") }),
  };
}
