import {
  ArtifactList,
  DanubeError,
  isFinal,
  Job,
  JobDetail,
  JobPage,
  type TriggerEvent,
  TriggerResponseBody,
} from "@danube/protocol";
import { openLogReader } from "@danube/logs";
import { z } from "zod";
import { actorOf } from "../http/api-env.ts";
import { guarded, jsonAnswer } from "../http/router.ts";
import type { ManualTriggers } from "./decision.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { listJobs, listJobsQuery } from "./list-jobs.ts";
import { requirePipeline } from "./pipelines.ts";
import { IdParams, requireJob, type RouteContext } from "./route-context.ts";

export function addJobRoutes({ router, guard, dependencies }: RouteContext, triggers: ManualTriggers): void {
  const { queries, commands, logsDirectory } = dependencies;

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/jobs",
      summary: "Jobs, newest first",
      request: { query: listJobsQuery },
      responses: { 200: jsonAnswer(JobPage, "A page of jobs") },
    }),
    async (c) => c.json(await listJobs(queries, c.req.valid("query")), 200),
  );

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/jobs/{id}",
      summary: "One job with its steps and artifacts",
      request: { params: IdParams },
      responses: { 200: jsonAnswer(JobDetail, "The job") },
    }),
    async (c) => {
      const job = await requireJob(queries, c.req.valid("param").id);
      const [{ steps }, { artifacts }, logSizeBytes] = await Promise.all([
        queries.listSteps({ jobId: job.id }),
        queries.listArtifacts({ jobId: job.id }),
        readLogSize(logsDirectory, job.id),
      ]);
      return c.json({ ...job, steps, artifacts, logSizeBytes }, 200);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/jobs/{id}/artifacts",
      summary: "A job's artifacts",
      request: { params: IdParams },
      responses: { 200: jsonAnswer(ArtifactList, "The artifacts") },
    }),
    async (c) => {
      const job = await requireJob(queries, c.req.valid("param").id);
      return c.json({ items: (await queries.listArtifacts({ jobId: job.id })).artifacts }, 200);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "post",
      path: "/api/v1/jobs/{id}/cancel",
      summary: "Cancel a job",
      description: "A job that is over stays as it is and is returned.",
      request: { params: IdParams },
      responses: { 200: jsonAnswer(Job, "The job") },
    }),
    async (c) => {
      const { id } = await requireJob(queries, c.req.valid("param").id);
      return c.json((await commands.cancelJob({ jobId: id, actor: actorOf(c) })).job, 200);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "post",
      path: "/api/v1/jobs/{id}/rerun",
      summary: "Run a job again, on the same commit",
      request: { params: IdParams, headers: z.object({ "idempotency-key": z.string().optional() }) },
      responses: { 202: jsonAnswer(TriggerResponseBody, "The trigger is durable") },
    }),
    async (c) => {
      const job = await requireJob(queries, c.req.valid("param").id);
      if (!isFinal(job.status)) {
        throw new DanubeError("conflict", "The job is not over; cancel it first, or wait.", { ids: { jobId: job.id } });
      }
      const pipeline = await requirePipeline(queries, job.pipelineName);
      if (pipeline.archivedAt !== undefined) {
        throw new DanubeError("conflict", `The pipeline "${pipeline.name}" has been removed from the blueprint.`);
      }
      const actor = actorOf(c);
      const event = rerunEvent(job, pipeline.document.spec.repository, actor.subject);
      const idempotencyKey = readIdempotencyKey(c.req.valid("header")["idempotency-key"]);
      return c.json(await triggers.start({ event, actor, idempotencyKey }), 202);
    },
  );
}

/** What the old job was, so that whatever was decided on it (a fork's policy, say) is decided on the new one too. */
function rerunEvent(job: Job, repository: string, subject: string): TriggerEvent {
  const { ref, branch, tag, commitSha, commitMessage, pullRequest } = job.trigger;
  return {
    type: "rerun",
    forge: "danube",
    repositoryUrls: [repository],
    pipelineName: job.pipelineName,
    parentJobId: job.id,
    ref,
    branch,
    tag,
    commitSha,
    commitMessage,
    pullRequest,
    params: job.params,
    actor: subject,
  };
}

async function readLogSize(directory: string, jobId: string): Promise<number> {
  const reader = openLogReader({ directory, jobId });
  try {
    return await reader.size();
  } finally {
    await reader.close();
  }
}
