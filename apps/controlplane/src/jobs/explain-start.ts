// Says on a job that was admitted and does not run yet what it waits for, such as the words of a cluster's scheduler.
import { explainJob, getJob } from "@danube/db/write";
import type { JobEnvironment } from "./job-environment.ts";

/** Best effort: nothing depends on it. A job that is further, or has ended, stays as it is. */
export async function explainStart(
  { committer, logger }: Pick<JobEnvironment, "committer" | "logger">,
  jobId: string,
  message: string,
): Promise<void> {
  try {
    await committer.commit((transaction, emit) => {
      const { job } = getJob(transaction, jobId);
      if (job.status !== "scheduling" || job.message === message) return;
      const record = explainJob(transaction, { jobId, message });
      if (record) emit({ type: "job", job: record.job });
    });
  } catch (error) {
    logger.debug("Why a job waits was not stored", { jobId, error });
  }
}
