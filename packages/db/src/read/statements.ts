// The fixed queries of the query table; the one whose shape changes is in list-jobs.ts.
import { sql } from "kysely";
import { selectJobs } from "../rows/job.ts";
import { selectStoredPipelines } from "../rows/pipeline.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare, prepareConstant } from "../sql/prepare.ts";

export const jobById = prepare<{ jobId: string }>()((p) => selectJobs.where("j.id", "=", p.jobId));

export const activeJobs = prepareConstant(() =>
  selectJobs.where("j.status", "in", ["pending", "scheduling", "running"]).orderBy("j.created_at").orderBy("j.id"),
);

export const stepsOfJob = prepare<{ jobId: string }>()((p) =>
  sqlBuilder
    .selectFrom("steps")
    .selectAll()
    .where("job_id", "=", p.jobId)
    .orderBy("sequence")
    .orderBy("attempt")
    .orderBy("id"),
);

export const artifactsOfJob = prepare<{ jobId: string }>()((p) =>
  sqlBuilder.selectFrom("artifacts").selectAll().where("job_id", "=", p.jobId).orderBy("name"),
);

export const artifactById = prepare<{ artifactId: string }>()((p) =>
  sqlBuilder.selectFrom("artifacts").selectAll().where("id", "=", p.artifactId),
);

export const pipelineByName = prepare<{ name: string }>()((p) => selectStoredPipelines.where("p.name", "=", p.name));

export const currentPipelines = prepareConstant(() =>
  selectStoredPipelines.where("p.archived_at", "is", null).orderBy("p.name"),
);

export const appliedConfig = prepareConstant(() =>
  sqlBuilder
    .selectFrom("configuration")
    .select(["commit_sha", sql<string>`json_extract(document, '$.config.spec')`.as("spec")]),
);

export const undecidedTriggers = prepare<{ limit: number }>()((p) =>
  sqlBuilder
    .selectFrom("triggers")
    .selectAll()
    .where("status", "=", sql.lit("received" as const))
    .where("received_at", ">=", "")
    .orderBy("received_at")
    .orderBy("id")
    .limit(p.limit),
);

export const triggerById = prepare<{ triggerId: string }>()((p) =>
  sqlBuilder.selectFrom("triggers").selectAll().where("id", "=", p.triggerId),
);

export const cronSlots = prepareConstant(() =>
  sqlBuilder
    .selectFrom("cron_slots as c")
    .innerJoin("pipelines as p", "p.id", "c.pipeline_id")
    .select(["p.name as pipelineName", "c.schedule", "c.slot"])
    .orderBy("p.name")
    .orderBy("c.schedule"),
);

export const latestSyncs = prepare<{ limit: number }>()((p) =>
  sqlBuilder
    .selectFrom("blueprint_syncs")
    .selectAll()
    .orderBy("finished_at", "desc")
    .orderBy("id", "desc")
    .limit(p.limit),
);

export const secretSummaries = prepareConstant(() =>
  sqlBuilder
    .selectFrom("secrets as s")
    .leftJoin("pipelines as p", "p.id", "s.pipeline_id")
    .select(["s.id", "s.name", "p.name as pipeline_name", "s.created_at", "s.updated_at"])
    .orderBy("s.name")
    .orderBy("p.name"),
);

export const tokenByHash = prepare<{ tokenSha256: string }>()((p) =>
  sqlBuilder
    .selectFrom("api_tokens")
    .select(["id", "name", "subject", "scopes", "created_at", "expires_at"])
    .where("token_sha256", "=", p.tokenSha256)
    .where("revoked_at", "is", null),
);

export const schemaVersion = prepareConstant(() =>
  sqlBuilder.selectFrom("schema_migrations").select((builder) => builder.fn.max("version").as("version")),
);
