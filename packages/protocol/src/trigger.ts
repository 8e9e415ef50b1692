// A trigger: something that happened outside, normalised, from which jobs may come.
import { z } from "zod";
import { CommitSha, Id, Timestamp } from "./id.ts";

export const TriggerType = z.enum(["push", "tag", "pull_request", "cron", "manual", "rerun"]);
export type TriggerType = z.infer<typeof TriggerType>;

export const Forge = z.enum(["github", "gitlab", "danube"]);
export type Forge = z.infer<typeof Forge>;

export const PullRequestInfo = z.object({
  number: z.number().int(),
  title: z.string(),
  action: z.enum(["opened", "synchronized", "reopened", "closed"]),
  headBranch: z.string(),
  baseBranch: z.string(),
  /** Whether head and base are in different repositories: then nothing of it is trusted. */
  isFork: z.boolean(),
  headRepository: z.string().optional(),
});
export type PullRequestInfo = z.infer<typeof PullRequestInfo>;

/** What happened, in words that do not depend on the forge. Names, titles and messages are other people's data. */
export const TriggerEvent = z.object({
  type: TriggerType,
  forge: Forge,
  /** Every URL under which the repository is known (https, ssh, git): a pipeline's `repository` must match one. */
  repositoryUrls: z.array(z.string()),
  /** The full ref, such as `refs/heads/main`, `refs/tags/v1` or `refs/pull/7/head`. */
  ref: z.string().optional(),
  branch: z.string().optional(),
  tag: z.string().optional(),
  commitSha: CommitSha.optional(),
  /** The branch's commit before a push, if it had one. */
  previousSha: CommitSha.optional(),
  commitMessage: z.string().optional(),
  actor: z.string().optional(),
  pullRequest: PullRequestInfo.optional(),
  /** The paths that a push touched, if the forge told all of them; absent means "not known", never "none". */
  changedPaths: z.array(z.string()).optional(),
  /** Only for `manual`, `cron` and `rerun`: the one pipeline that is meant. */
  pipelineName: z.string().optional(),
  params: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  /** Only for `rerun`: the job to run again. */
  parentJobId: Id.optional(),
  /** Only for `cron`: the schedule that fired, as the last slot is remembered for it. */
  schedule: z.string().optional(),
  /** Only for `cron`: the slot, by which it is fired at most once. */
  slot: Timestamp.optional(),
});
export type TriggerEvent = z.infer<typeof TriggerEvent>;

/** A stored trigger. `decided` means that the jobs it leads to exist. */
export const Trigger = z.object({
  id: Id,
  event: TriggerEvent,
  /** By which the same happening is recognised, however often and under whatever delivery id it arrives. */
  deduplicationKey: z.string(),
  status: z.enum(["received", "decided"]),
  /** One sentence: which jobs came of it, or why none did. */
  outcome: z.string().optional(),
  receivedAt: Timestamp,
  decidedAt: Timestamp.optional(),
});
export type Trigger = z.infer<typeof Trigger>;
