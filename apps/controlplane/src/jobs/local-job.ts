// `danube run`: a job in the author's own directory, without a trigger, a repository or a checkout.
import {
  applyConfiguration,
  createJob,
  findPipelineByName,
  getAppliedConfiguration,
  getJob,
  keepJobRun,
  type WriteTransaction,
} from "@danube/db/write";
import {
  blueprintApiVersion,
  type Job,
  type JobTrigger,
  type ParameterValue,
  PipelineDocument,
} from "@danube/protocol";
import { prepareStart } from "./apply-event.ts";
import type { JobEnvironment } from "./job-environment.ts";
import type { Orchestrator } from "./orchestrator.ts";

export interface LocalJobRequest {
  readonly pipelineName: string;
  /** Absolute path of the directory that serves as the workspace. Nothing in it is cleaned up. */
  readonly workspaceDirectory: string;
  /** The pipeline file, relative to the workspace. */
  readonly script: string;
  readonly params?: Readonly<Record<string, ParameterValue>>;
  /** What is known of the checkout, for `ctx`: its branch, its commit. */
  readonly trigger?: Partial<Omit<JobTrigger, "type" | "triggerId">>;
  /** More of the pipeline's document, such as `max_duration_seconds`. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** Makes the job and begins it. Resolves once it is stored. */
export async function createLocalJob(
  environment: JobEnvironment,
  orchestrator: Orchestrator,
  request: LocalJobRequest,
): Promise<Job> {
  const { committer, newId, stopwatch } = environment;
  const document = PipelineDocument.parse({
    apiVersion: blueprintApiVersion,
    kind: "Pipeline",
    metadata: { name: request.pipelineName },
    spec: { ...request.spec, repository: request.workspaceDirectory, script: request.script },
  });
  const { job, token } = await committer.commit((transaction, emit) => {
    const created = createJob(transaction, {
      id: newId(),
      pipelineId: ensurePipeline(transaction, document, newId),
      trigger: { ...request.trigger, type: "manual" },
      params: { ...request.params },
      admit: true,
      attempt: 1,
      supersedes: [],
    });
    keepJobRun(transaction, created.id, { workspaceDirectory: request.workspaceDirectory });
    const token = prepareStart(transaction, created.id, stopwatch);
    const { job } = getJob(transaction, created.id);
    emit({ type: "job", job });
    return { job, token };
  });
  orchestrator.begin(job.id, token);
  return job;
}

/** The id of the pipeline, which is added to the configuration or brought up to date in it. */
function ensurePipeline(transaction: WriteTransaction, document: PipelineDocument, newId: () => string): string {
  const { name } = document.metadata;
  const { commitSha, configuration } = getAppliedConfiguration(transaction);
  const others = configuration.pipelines.filter((pipeline) => pipeline.metadata.name !== name);
  applyConfiguration(transaction, {
    configuration: { ...configuration, pipelines: [...others, document] },
    commitSha,
    newId,
  });
  const pipeline = findPipelineByName(transaction, name);
  if (!pipeline) throw new TypeError(`The pipeline ${name} was applied and is not there.`);
  return pipeline.id;
}
