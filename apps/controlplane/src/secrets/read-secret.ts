import { recordAudit } from "@danube/db/write";
import { DanubeError } from "@danube/protocol";
import type { JobEnvironment } from "../jobs/job-environment.ts";
import type { JobRunner } from "../jobs/job-runner.ts";

/** The value of a secret for the job that asks. Whether it gets it or not, the audit log says so first. */
export async function readSecret(
  environment: Pick<JobEnvironment, "committer" | "metrics" | "newId">,
  runner: JobRunner,
  name: string,
): Promise<string> {
  const { committer, metrics, newId } = environment;
  const isFork = runner.job.trigger.pullRequest?.isFork === true;
  const value = isFork ? undefined : runner.secrets.get(name);
  const result = value === undefined ? "denied" : "ok";
  metrics.secretRequestsTotal.increment({ result });
  await committer.commit((transaction) =>
    recordAudit(transaction, {
      id: newId(),
      actor: { subject: `job:${runner.jobId}` },
      action: "secret.read",
      target: `${runner.job.pipelineName}/${name}`,
      result,
    }),
  );
  const ids = { jobId: runner.jobId };
  if (value !== undefined) return value;
  if (isFork) throw new DanubeError("forbidden", "A pull request from a fork gets no secrets.", { ids });
  const { pipelineName } = runner.job;
  throw new DanubeError(
    "not_found",
    `There is no secret "${name}" for pipeline "${pipelineName}": "danube secret set ${name} --pipeline ${pipelineName}" makes one, for jobs that begin after it; "danube run" takes it from its --secret-file.`,
    { ids },
  );
}
