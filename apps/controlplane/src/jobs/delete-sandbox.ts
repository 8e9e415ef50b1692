// The end of a job's sandbox.
import { deleteJobRun, deleteStepRuns, markSandboxDeleted } from "@danube/db/write";
import type { JobEnvironment } from "./job-environment.ts";
import { retry } from "./retry.ts";

export interface DeleteSandboxOptions {
  readonly environment: Pick<JobEnvironment, "clock" | "committer" | "driver" | "logger" | "timings">;
  readonly jobId: string;
  /** Settles when the sandbox is not being made any more. */
  readonly creating: Promise<unknown> | undefined;
  /** Aborts when this process stops: the next one goes on with it. */
  readonly signal: AbortSignal;
}

/** Deletes the sandbox of a job that has ended, and what was kept for a restart. Tries until it is done, or `signal` aborts. */
export async function deleteSandbox({ environment, jobId, creating, signal }: DeleteSandboxOptions): Promise<void> {
  const { clock, committer, driver, logger, timings } = environment;
  const options = {
    clock,
    firstMs: timings.retryFirstMs,
    longestMs: timings.retryLongestMs,
    signal,
    isRetryable: () => !signal.aborted,
    onFailure: (error: unknown, failures: number) =>
      logger.warn("A sandbox could not be deleted; trying again", { jobId, failures, error }),
  };
  await retry(() => driver.deleteSandbox(jobId, { graceMs: 0 }), options);
  if (creating) {
    // What was being made when the job ended may have come about after the deletion.
    await creating;
    await retry(() => driver.deleteSandbox(jobId, { graceMs: 0 }), options);
  }
  const forget = () =>
    committer.commit(
      (transaction) => {
        markSandboxDeleted(transaction, jobId);
        deleteStepRuns(transaction, jobId);
        deleteJobRun(transaction, jobId);
      },
      { essential: true },
    );
  await retry(forget, options);
}
