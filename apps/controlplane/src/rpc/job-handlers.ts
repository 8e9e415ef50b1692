// What a job's Coordinator may ask. Whose job it is comes from the token alone, never from a request.
import { DanubeError, type JobMethods } from "@danube/protocol";
import type { Handlers } from "@danube/rpc";
import type { JobArtifacts } from "../artifacts/job-artifacts.ts";
import { appendPipelineLog, finishJob } from "../jobs/coordinator-reports.ts";
import type { JobEnvironment } from "../jobs/job-environment.ts";
import type { JobRunner } from "../jobs/job-runner.ts";
import { readSecret } from "../secrets/read-secret.ts";

export interface JobHandlersOptions {
  readonly environment: JobEnvironment;
  readonly artifacts: JobArtifacts;
}

export function createJobHandlers({ environment, artifacts }: JobHandlersOptions): Handlers<JobMethods, JobRunner> {
  return {
    async *attach(_request, { principal, signal }) {
      requireActive(principal);
      yield* principal.attachments.serve(signal, principal.signal);
    },
    async *runStep(request, frames, { principal, signal }) {
      requireActive(principal);
      yield* principal.steps.run(request, frames, signal);
    },
    async reportGroup(request, { principal }) {
      requireActive(principal);
      await principal.steps.reportGroup(request);
      return {};
    },
    async getSecret({ name }, { principal }) {
      requireActive(principal);
      return { value: await readSecret(environment, principal, name) };
    },
    async uploadArtifact(request, body, { principal }) {
      requireActive(principal);
      return { artifact: await artifacts.upload(principal.jobId, request, body) };
    },
    async downloadArtifact({ name }, { principal }) {
      requireActive(principal);
      return await artifacts.download(principal.jobId, name);
    },
    async appendLog(request, { principal }) {
      requireActive(principal);
      return { offset: await appendPipelineLog(principal, request) };
    },
    async reportStatus(report, { principal }) {
      if (report.phase === "finished") {
        // A report that is sent again after its answer was lost finds the job ended, and that is well.
        if (principal.active) await finishJob(principal, report.outcome, environment.logger);
        return {};
      }
      requireActive(principal);
      const { transition } = await principal.apply({ type: "coordinatorRunning" });
      if (transition.type === "rejected") throw notActive(principal);
      return {};
    },
  };
}

function requireActive(runner: JobRunner): void {
  if (!runner.active) throw notActive(runner);
}

function notActive(runner: JobRunner): DanubeError {
  return new DanubeError("job_not_active", "The job has ended.", { ids: { jobId: runner.jobId } });
}
