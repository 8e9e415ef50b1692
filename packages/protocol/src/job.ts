import { z } from "zod";
import { CommitSha, Id, Sha256, Timestamp } from "./id.ts";
import { JobStatus, Reason, StepStatus } from "./status.ts";
import { PullRequestInfo, TriggerType } from "./trigger.ts";

export const ParameterValue = z.union([z.string(), z.number(), z.boolean()]);
export type ParameterValue = z.infer<typeof ParameterValue>;

/** Why a job exists. */
export const JobTrigger = z.object({
  type: TriggerType,
  triggerId: Id.optional(),
  ref: z.string().optional(),
  branch: z.string().optional(),
  tag: z.string().optional(),
  commitSha: CommitSha.optional(),
  commitMessage: z.string().optional(),
  actor: z.string().optional(),
  pullRequest: PullRequestInfo.optional(),
});
export type JobTrigger = z.infer<typeof JobTrigger>;

/** One run of a pipeline, as it is seen from outside. */
export const Job = z.object({
  id: Id,
  pipelineId: Id,
  pipelineName: z.string(),
  /** Counts from 1 within its pipeline. */
  number: z.number().int(),
  status: JobStatus,
  reason: Reason.optional(),
  /** One sentence for people: why it did not succeed, or why it still waits. */
  message: z.string().optional(),
  trigger: JobTrigger,
  params: z.record(z.string(), ParameterValue),
  attempt: z.number().int(),
  parentJobId: Id.optional(),
  /** Grows with each change of the row: conditional writes name the version they saw. */
  version: z.number().int(),
  createdAt: Timestamp,
  queuedAt: Timestamp.optional(),
  startedAt: Timestamp.optional(),
  finishedAt: Timestamp.optional(),
});
export type Job = z.infer<typeof Job>;

/** A step or a group of steps. */
export const Step = z.object({
  id: Id,
  jobId: Id,
  /** The group it belongs to. */
  parentId: Id.optional(),
  kind: z.enum(["command", "group"]),
  name: z.string(),
  /** Its place in the order in which the pipeline started steps, from 1. */
  sequence: z.number().int(),
  status: StepStatus,
  /** Why, where more is known than the status tells, such as `oom_killed`. */
  reason: Reason.optional(),
  /** One sentence, for whatever is not success. */
  message: z.string().optional(),
  /** Whether a failure does not fail the job. */
  soft: z.boolean(),
  exitCode: z.number().int().optional(),
  attempt: z.number().int(),
  /** Bytes of the job's log. Steps in parallel have extents that overlap; the log's index has the exact segments. */
  logOffsetStart: z.number().int().optional(),
  logOffsetEnd: z.number().int().optional(),
  commandSha256: Sha256.optional(),
  startedAt: Timestamp,
  finishedAt: Timestamp.optional(),
});
export type Step = z.infer<typeof Step>;

export const Artifact = z.object({
  id: Id,
  jobId: Id,
  name: z.string(),
  fileName: z.string(),
  kind: z.enum(["file", "archive"]),
  sizeBytes: z.number().int(),
  sha256: Sha256,
  createdAt: Timestamp,
});
export type Artifact = z.infer<typeof Artifact>;

/** A pipeline, as the server knows it. */
export const PipelineSummary = z.object({
  id: Id,
  name: z.string(),
  team: z.string().optional(),
  repository: z.string(),
  script: z.string(),
  archivedAt: Timestamp.optional(),
  lastJob: Job.optional(),
});
export type PipelineSummary = z.infer<typeof PipelineSummary>;
