// What a Coordinator is told of its job, and what a driver is told of it.
import type { Job, JobContext, PipelineDocument } from "@danube/protocol";
import type { SandboxSpec } from "@danube/runtime";

/** The name under which `step.run` may ask for the default worker. */
export const defaultWorkerName = "worker";

export interface JobContextOptions {
  readonly job: Job;
  readonly pipeline: PipelineDocument;
  readonly authorization?: string;
  readonly cancelGraceMs: number;
  /** `danube run`: nothing is checked out. */
  readonly workspaceDirectory?: string;
}

export function toJobContext(options: JobContextOptions): JobContext {
  const { job, pipeline, authorization, cancelGraceMs, workspaceDirectory } = options;
  const { trigger } = job;
  return {
    jobId: job.id,
    pipelineName: job.pipelineName,
    number: job.number,
    attempt: job.attempt,
    checkout: {
      url: pipeline.spec.repository,
      ...(workspaceDirectory === undefined ? { commitSha: trigger.commitSha } : {}),
      ref: trigger.ref,
      authorization,
    },
    script: pipeline.spec.script,
    branch: trigger.branch,
    tag: trigger.tag,
    pullRequest: trigger.pullRequest,
    triggerType: trigger.type,
    triggerRef: trigger.ref,
    params: job.params,
    workers: workerNames(pipeline),
    cancelGraceMs,
  };
}

/** The names of the workers, the default one first. */
export function workerNames(pipeline: PipelineDocument): string[] {
  const named = Object.keys(pipeline.spec.workers);
  return [defaultWorkerName, ...named.filter((name) => name !== defaultWorkerName)];
}

export interface SandboxSpecOptions {
  readonly job: Job;
  readonly pipeline: PipelineDocument;
  readonly token: string;
  readonly rpcUrl: string;
  readonly workspaceDirectory?: string;
}

export function toSandboxSpec({ job, pipeline, token, rpcUrl, workspaceDirectory }: SandboxSpecOptions): SandboxSpec {
  const { spec } = pipeline;
  return {
    jobId: job.id,
    pipelineName: job.pipelineName,
    worker: spec.worker,
    workers: spec.workers,
    services: spec.services,
    workspaceSizeGb: spec.workspace_size_gb,
    maxDurationSeconds: spec.max_duration_seconds,
    token,
    rpcUrl,
    ...(workspaceDirectory === undefined ? {} : { workspaceDirectory }),
  };
}
