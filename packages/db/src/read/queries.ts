// The query table of the protocol, on a connection.
import { ConfigSpec, parseWith, type Queries, type QueryMethods, queryMethods } from "@danube/protocol";
import { z } from "zod";
import { toArtifact } from "../rows/artifact.ts";
import { toJob } from "../rows/job.ts";
import { readJson, withoutNulls } from "../rows/json.ts";
import { toStoredPipeline } from "../rows/pipeline.ts";
import { toStep } from "../rows/step.ts";
import { toTrigger } from "../rows/trigger.ts";
import type { ReadTransaction } from "../sql/transaction.ts";
import { listJobsPage } from "./list-jobs.ts";
import { listPipelineSummaries } from "./list-pipelines.ts";
import type { Reader } from "./reader.ts";
import * as statements from "./statements.ts";

type Name = keyof QueryMethods;
type Request<N extends Name> = z.output<QueryMethods[N]["request"]>;
type Response<N extends Name> = z.output<QueryMethods[N]["response"]>;
type Answers = { readonly [N in Name]: (transaction: ReadTransaction, request: Request<N>) => Response<N> };

const Texts = z.array(z.string());

/**
 * Answers every query of the protocol from a reader, or from the writer's own connection: each on one consistent state, at
 * once. A request that is not valid rejects with `invalid_request`.
 */
export function createQueries({ read }: Pick<Reader, "read">): Queries {
  const bind = <N extends Name>(name: N) => [
    name,
    async (request: unknown): Promise<Response<N>> => {
      const parsed = parseWith(queryMethods[name].request, request, "The query") as Request<N>;
      return read((transaction) => answers[name](transaction, parsed));
    },
  ];
  const names = Object.keys(answers) as Name[];
  return Object.fromEntries(names.map(bind));
}

const answers: Answers = {
  getJob: (transaction, { jobId }) => {
    const row = transaction.first(statements.jobById({ jobId }));
    return { job: row && toJob(row) };
  },
  listJobs: listJobsPage,
  listActiveJobs: (transaction) => ({ jobs: transaction.all(statements.activeJobs()).map(toJob) }),
  listSteps: (transaction, { jobId }) => ({ steps: transaction.all(statements.stepsOfJob({ jobId })).map(toStep) }),
  listArtifacts: (transaction, { jobId }) => ({
    artifacts: transaction.all(statements.artifactsOfJob({ jobId })).map(toArtifact),
  }),
  getArtifact: (transaction, { artifactId }) => {
    const row = transaction.first(statements.artifactById({ artifactId }));
    return { artifact: row && toArtifact(row) };
  },
  listPipelines: (transaction, request) => ({ pipelines: listPipelineSummaries(transaction, request) }),
  getPipeline: (transaction, { name }) => {
    const row = transaction.first(statements.pipelineByName({ name }));
    return { pipeline: row && toStoredPipeline(row) };
  },
  getConfiguration: (transaction) => {
    const applied = transaction.first(statements.appliedConfig());
    return {
      ...withoutNulls({ commitSha: applied?.commit_sha ?? null }),
      config: readJson(ConfigSpec, applied?.spec ?? "{}", "configuration.document"),
      pipelines: transaction.all(statements.currentPipelines()).map(toStoredPipeline),
    };
  },
  listUndecidedTriggers: (transaction, { limit }) => ({
    triggers: transaction.all(statements.undecidedTriggers({ limit })).map(toTrigger),
  }),
  getTrigger: (transaction, { triggerId }) => {
    const row = transaction.first(statements.triggerById({ triggerId }));
    return { trigger: row && toTrigger(row) };
  },
  listCronSlots: (transaction) => ({ slots: transaction.all(statements.cronSlots()) }),
  listBlueprintSyncs: (transaction, { limit }) => ({
    syncs: transaction.all(statements.latestSyncs({ limit })).map((row) => ({
      id: row.id,
      status: row.status,
      ...withoutNulls({ commitSha: row.commit_sha }),
      errors: readJson(Texts, row.errors, "blueprint_syncs.errors"),
      changesApplied: row.changes_applied,
      startedAt: row.started_at,
      finishedAt: row.finished_at,
    })),
  }),
  listSecrets: (transaction) => ({
    secrets: transaction.all(statements.secretSummaries()).map((row) => ({
      id: row.id,
      name: row.name,
      ...withoutNulls({ pipelineName: row.pipeline_name }),
      createdAt: row.created_at,
      updatedAt: row.updated_at,
    })),
  }),
  findTokenByHash: (transaction, { tokenSha256 }) => {
    const row = transaction.first(statements.tokenByHash({ tokenSha256 }));
    if (!row) return {};
    return {
      token: {
        id: row.id,
        name: row.name,
        subject: row.subject,
        scopes: readJson(Texts, row.scopes, "api_tokens.scopes"),
        createdAt: row.created_at,
        ...withoutNulls({ expiresAt: row.expires_at }),
      },
    };
  },
  ping: (transaction) => {
    transaction.first(statements.schemaVersion());
    return {};
  },
};
