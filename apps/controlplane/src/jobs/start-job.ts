// From an admitted job to its sandbox.
import { getAppliedConfiguration, setJobCommit } from "@danube/db/write";
import { DanubeError, isDanubeError, type Job, type PipelineDocument } from "@danube/protocol";
import { gitAuthorization } from "../checkout/git-authorization.ts";
import { resolveCommit } from "../checkout/resolve-commit.ts";
import { toSandboxSpec } from "./job-context.ts";
import type { JobEnvironment } from "./job-environment.ts";
import { retry } from "./retry.ts";

export interface StartJobOptions {
  readonly environment: JobEnvironment;
  readonly job: Job;
  readonly pipeline: PipelineDocument;
  readonly token: string;
  readonly workspaceDirectory?: string;
  readonly authorization?: string;
  /** Aborts when the job is over. */
  readonly signal: AbortSignal;
  /** Called with the job when its commit has become known. */
  readonly onCommit: (job: Job) => void;
  /** Called right before the driver is asked, with what it promises. */
  readonly onCreating: (created: Promise<void>) => void;
}

/** Why a job was not started, when that is nobody's failure but its own. */
export interface StartRefusal {
  readonly reason: "policy_denied" | "pipeline_error";
  readonly message: string;
}

/**
 * Resolves once the sandbox is sure to come about, or with why the job may not have one. Tries again whatever may pass, until
 * `signal` aborts; rejects with what will not.
 */
export async function startJob(options: StartJobOptions): Promise<StartRefusal | undefined> {
  const { environment, pipeline, token, workspaceDirectory, signal, onCreating } = options;
  const { clock, driver, logger, timings, rpcUrl } = environment;
  const refusal = refusalOf(options.job, driver.isolation);
  if (refusal) return refusal;
  const resolved = await resolve(options);
  if (resolved.refusal) return resolved.refusal;
  const { job } = resolved;
  const spec = toSandboxSpec({ job, pipeline, token, rpcUrl: rpcUrl(), workspaceDirectory });
  const created = retry(() => driver.createSandbox(spec), {
    clock,
    firstMs: timings.retryFirstMs,
    longestMs: timings.retryLongestMs,
    signal,
    onFailure: (error, failures) =>
      logger.warn("A sandbox is not certain; asking again", { jobId: job.id, failures, error }),
  });
  onCreating(created);
  await created;
  return undefined;
}

/** The credentials for the job's repository. A pull request from a fork gets none. */
export function authorizationOf(
  environment: Pick<JobEnvironment, "writer">,
  job: Job,
  pipeline: PipelineDocument,
  secrets: ReadonlyMap<string, string>,
): string | undefined {
  if (job.trigger.pullRequest?.isFork === true) return undefined;
  const { configuration } = environment.writer.read((transaction) => getAppliedConfiguration(transaction));
  return gitAuthorization(pipeline.spec.repository, configuration.config.spec.git_authentication, secrets);
}

function refusalOf(job: Job, isolation: "none" | "pod"): StartRefusal | undefined {
  if (job.trigger.pullRequest?.isFork !== true || isolation !== "none") return undefined;
  return {
    reason: "policy_denied",
    message: "This server runs jobs as processes of its own machine, so it refuses pull requests from forks.",
  };
}

type Resolution = { readonly job: Job; readonly refusal?: undefined } | { readonly refusal: StartRefusal };

async function resolve(options: StartJobOptions): Promise<Resolution> {
  const { environment, job, pipeline, workspaceDirectory, authorization, signal, onCommit } = options;
  const { clock, committer, logger, timings } = environment;
  if (job.trigger.commitSha !== undefined || workspaceDirectory !== undefined) return { job };
  const commit = await retry(
    () =>
      resolveCommit({
        url: pipeline.spec.repository,
        ref: refOf(job),
        authorization,
        allowLocal: environment.allowLocalRepositories,
        environment: environment.environment,
        timeoutMs: timings.resolveCommitMs,
        signal,
      }),
    {
      clock,
      firstMs: timings.retryFirstMs,
      longestMs: timings.retryLongestMs,
      signal,
      isRetryable: (error) => isDanubeError(error) && error.retryable && !/not allowed/.test(error.message),
      onFailure: (error, failures) =>
        logger.warn("A commit could not be found out", { jobId: job.id, failures, error }),
    },
  );
  if (commit.type === "missing") return { refusal: { reason: "pipeline_error", message: commit.message } };
  const branch = commit.ref.startsWith("refs/heads/") ? commit.ref.slice("refs/heads/".length) : undefined;
  const found = await committer.commit((transaction, emit) => {
    const record = setJobCommit(transaction, job.id, {
      commitSha: commit.commitSha,
      ref: commit.ref,
      branch: job.trigger.branch ?? branch,
    });
    emit({ type: "job", job: record.job });
    return record.job;
  });
  if (found.finishedAt !== undefined) throw new DanubeError("job_not_active", "The job has ended meanwhile.");
  onCommit(found);
  return { job: found };
}

function refOf({ trigger }: Job): string | undefined {
  if (trigger.ref !== undefined) return trigger.ref;
  if (trigger.tag !== undefined) return `refs/tags/${trigger.tag}`;
  return trigger.branch === undefined ? undefined : `refs/heads/${trigger.branch}`;
}
