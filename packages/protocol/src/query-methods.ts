// Every question about stored state. `db/read` implements this table on its own connection, the control plane serves the
// same table to processes that have no access to the volume; whoever asks does not see which.
import { z } from "zod";
import { ConfigSpec, PipelineDocument } from "./blueprint.ts";
import { Id, Sha256, Timestamp } from "./id.ts";
import { Artifact, Job, PipelineSummary, Step } from "./job.ts";
import type { MethodTable, UnaryMethod } from "./method.ts";
import { JobStatus } from "./status.ts";
import { Trigger } from "./trigger.ts";

const query = <Q extends z.ZodType, R extends z.ZodType>(name: string, request: Q, response: R) =>
  ({
    kind: "unary",
    path: `/query/${name}` as `/${string}`,
    deadlineMs: 10_000,
    request,
    response,
  }) as const satisfies UnaryMethod;

/** A page of rows, newest first, and where the next one begins. */
const page = <R extends z.ZodType>(rows: R) => z.object({ items: z.array(rows), nextCursor: z.string().optional() });
const paging = { limit: z.number().int().min(1).max(500).default(50), cursor: z.string().optional() };

export const BlueprintSync = z.object({
  id: Id,
  status: z.enum(["applied", "unchanged", "failed"]),
  commitSha: z.string().optional(),
  /** Sentences; each names file, JSON pointer, value and the likely fix. */
  errors: z.array(z.string()),
  changesApplied: z.number().int(),
  startedAt: Timestamp,
  finishedAt: Timestamp,
});
export type BlueprintSync = z.infer<typeof BlueprintSync>;

export const StoredPipeline = z.object({
  id: Id,
  name: z.string(),
  document: PipelineDocument,
  archivedAt: Timestamp.optional(),
});
export type StoredPipeline = z.infer<typeof StoredPipeline>;

export const SecretSummary = z.object({
  id: Id,
  name: z.string(),
  /** Absent for a global secret. */
  pipelineName: z.string().optional(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
});
export type SecretSummary = z.infer<typeof SecretSummary>;

export const ApiToken = z.object({
  id: Id,
  name: z.string(),
  /** Who acts with it. */
  subject: z.string(),
  scopes: z.array(z.string()),
  createdAt: Timestamp,
  expiresAt: Timestamp.optional(),
});
export type ApiToken = z.infer<typeof ApiToken>;

export const queryMethods = {
  getJob: query("get-job", z.object({ jobId: Id }), z.object({ job: Job.optional() })),
  listJobs: query(
    "list-jobs",
    z.object({
      pipelineName: z.string().optional(),
      statuses: z.array(JobStatus).optional(),
      branch: z.string().optional(),
      ...paging,
    }),
    page(Job),
  ),
  /** All jobs that are not final, oldest first: what admission and reconciliation decide on. */
  listActiveJobs: query("list-active-jobs", z.object({}), z.object({ jobs: z.array(Job) })),
  listSteps: query("list-steps", z.object({ jobId: Id }), z.object({ steps: z.array(Step) })),
  listArtifacts: query("list-artifacts", z.object({ jobId: Id }), z.object({ artifacts: z.array(Artifact) })),
  getArtifact: query("get-artifact", z.object({ artifactId: Id }), z.object({ artifact: Artifact.optional() })),
  listPipelines: query(
    "list-pipelines",
    z.object({ includeArchived: z.boolean().default(false) }),
    z.object({ pipelines: z.array(PipelineSummary) }),
  ),
  getPipeline: query("get-pipeline", z.object({ name: z.string() }), z.object({ pipeline: StoredPipeline.optional() })),
  /** The whole applied configuration, for the scheduler's decisions. */
  getConfiguration: query(
    "get-configuration",
    z.object({}),
    z.object({ commitSha: z.string().optional(), config: ConfigSpec, pipelines: z.array(StoredPipeline) }),
  ),
  /** Triggers of which no decision was stored yet, oldest first. */
  listUndecidedTriggers: query(
    "list-undecided-triggers",
    z.object({ limit: z.number().int().min(1).max(1_000).default(500) }),
    z.object({ triggers: z.array(Trigger) }),
  ),
  getTrigger: query("get-trigger", z.object({ triggerId: Id }), z.object({ trigger: Trigger.optional() })),
  /** The last cron slot fired for each pipeline and schedule. */
  listCronSlots: query(
    "list-cron-slots",
    z.object({}),
    z.object({ slots: z.array(z.object({ pipelineName: z.string(), schedule: z.string(), slot: Timestamp })) }),
  ),
  listBlueprintSyncs: query(
    "list-blueprint-syncs",
    z.object({ limit: z.number().int().min(1).max(100).default(20) }),
    z.object({ syncs: z.array(BlueprintSync) }),
  ),
  listSecrets: query("list-secrets", z.object({}), z.object({ secrets: z.array(SecretSummary) })),
  findTokenByHash: query(
    "find-token-by-hash",
    z.object({ tokenSha256: Sha256 }),
    z.object({ token: ApiToken.optional() }),
  ),
  /** Whether the database answers. */
  ping: query("ping", z.object({}), z.object({})),
} as const satisfies MethodTable;
export type QueryMethods = typeof queryMethods;

/** The query table as functions; `db/read` gives one implementation and an RPC client another. */
export type Queries = {
  [N in keyof QueryMethods]: (
    request: z.input<QueryMethods[N]["request"]>,
  ) => Promise<z.output<QueryMethods[N]["response"]>>;
};
