/** The pull request (or merge request) that a job was started for. Its title and branch names are other people's data. */
export interface PullRequest {
  readonly number: number;
  readonly title: string;
  readonly action: "opened" | "synchronized" | "reopened" | "closed";
  readonly headBranch: string;
  readonly baseBranch: string;
  /** Whether it comes from another repository than the one it goes to. */
  readonly isFork: boolean;
  readonly headRepository?: string;
}

/** What a job is about. */
export interface Context {
  readonly jobId: string;
  /** The pipeline's name in the Blueprint. */
  readonly pipeline: string;
  /** Counts the pipeline's jobs from 1. */
  readonly number: number;
  /** From 1. More than 1 when the job was started again after a failure of the infrastructure. */
  readonly attempt: number;
  /** The repository's URL, without credentials. */
  readonly repo: string;
  /** The commit that is checked out, as a full hexadecimal id. Absent in `danube run`, which takes the directory as it is. */
  readonly commitSha?: string;
  /** The branch, for a push to one and for whatever else is about one. For a pull request see `pullRequest`. */
  readonly branch?: string;
  /** The tag, for a pushed tag. */
  readonly tag?: string;
  readonly pullRequest?: PullRequest;
  readonly triggerType: "push" | "tag" | "pull_request" | "cron" | "manual" | "rerun";
  /** The full ref, such as `refs/heads/main`. */
  readonly triggerRef?: string;
  /** The parameters of this run, checked against the pipeline's `params`, defaults filled in. */
  readonly params: Readonly<Record<string, string | number | boolean>>;
  /** The absolute path of the directory with the checkout, in which commands run. */
  readonly workspace: string;
  /**
   * Aborts when the job is cancelled, with a `CancelledError` as its reason. Give it to whatever the pipeline waits for
   * outside of steps (`fetch`, timers); steps heed it by themselves.
   */
  readonly signal: AbortSignal;
}
