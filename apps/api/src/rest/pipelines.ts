import {
  CommitSha,
  DanubeError,
  JobPage,
  ParameterValue,
  parseWith,
  PipelineDetail,
  PipelineList,
  type PipelineSummary,
  type Queries,
  type StoredPipeline,
  TriggerRequestBody,
  TriggerResponseBody,
} from "@danube/protocol";
import { z } from "zod";
import { actorOf } from "../http/api-env.ts";
import { guarded, jsonAnswer } from "../http/router.ts";
import { checkParams } from "./check-params.ts";
import type { ManualTriggers } from "./decision.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { listJobs, listJobsQuery } from "./list-jobs.ts";
import { NameParams, type RouteContext } from "./route-context.ts";

export function addPipelineRoutes({ router, guard, dependencies }: RouteContext, triggers: ManualTriggers): void {
  const { queries } = dependencies;

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/pipelines",
      summary: "All pipelines, each with its newest job",
      request: { query: z.object({ archived: z.enum(["true", "false"]).optional() }) },
      responses: { 200: jsonAnswer(PipelineList, "The pipelines") },
    }),
    async (c) => {
      const includeArchived = c.req.valid("query").archived === "true";
      return c.json({ items: (await queries.listPipelines({ includeArchived })).pipelines }, 200);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/pipelines/{name}",
      summary: "One pipeline and its parameters",
      request: { params: NameParams },
      responses: { 200: jsonAnswer(PipelineDetail, "The pipeline") },
    }),
    async (c) => {
      const pipeline = await requirePipeline(queries, c.req.valid("param").name);
      const { items } = await queries.listJobs({ pipelineName: pipeline.name, limit: 1 });
      return c.json({ ...summarise(pipeline), lastJob: items[0], params: pipeline.document.spec.params }, 200);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/pipelines/{name}/jobs",
      summary: "A pipeline's jobs, newest first",
      request: { params: NameParams, query: listJobsQuery.omit({ pipeline: true }) },
      responses: { 200: jsonAnswer(JobPage, "A page of jobs") },
    }),
    async (c) => {
      const pipeline = await requirePipeline(queries, c.req.valid("param").name);
      return c.json(await listJobs(queries, { ...c.req.valid("query"), pipeline: pipeline.name }), 200);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "post",
      path: "/api/v1/pipelines/{name}/trigger",
      summary: "Run a pipeline by hand",
      description: "Answers once the trigger is durable and, if the scheduler decides within 5 s, names its jobs.",
      request: {
        params: NameParams,
        headers: z.object({ "idempotency-key": z.string().optional() }),
        body: { required: true, content: { "application/json": { schema: TriggerRequestBody } } },
      },
      responses: { 202: jsonAnswer(TriggerResponseBody, "The trigger is durable") },
    }),
    async (c) => {
      const pipeline = await requirePipeline(queries, c.req.valid("param").name);
      if (pipeline.archivedAt !== undefined) {
        throw new DanubeError("conflict", `The pipeline "${pipeline.name}" has been removed from the blueprint.`);
      }
      const { branch, commitSha, params } = c.req.valid("json");
      checkParams(pipeline.document.spec.params, params);
      const actor = actorOf(c);
      const started = await triggers.start({
        event: {
          type: "manual",
          forge: "danube",
          repositoryUrls: [pipeline.document.spec.repository],
          pipelineName: pipeline.name,
          ...(branch === undefined ? {} : { branch, ref: `refs/heads/${branch}` }),
          ...(commitSha === undefined ? {} : { commitSha: parseWith(CommitSha, commitSha, "commitSha") }),
          params: parseWith(z.record(z.string(), ParameterValue), params, "params"),
          actor: actor.subject,
        },
        actor,
        idempotencyKey: readIdempotencyKey(c.req.valid("header")["idempotency-key"]),
      });
      return c.json(started, 202);
    },
  );
}

/** Throws `not_found` when there is no such pipeline. An archived one still is. */
export async function requirePipeline(queries: Pick<Queries, "getPipeline">, name: string): Promise<StoredPipeline> {
  const { pipeline } = await queries.getPipeline({ name });
  if (pipeline === undefined) throw new DanubeError("not_found", `There is no pipeline ${JSON.stringify(name)}.`);
  return pipeline;
}

function summarise({ id, name, document, archivedAt }: StoredPipeline): PipelineSummary {
  const { repository, script } = document.spec;
  return { id, name, team: document.metadata.team, repository, script, archivedAt };
}
