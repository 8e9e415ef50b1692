import type { Queries } from "@danube/protocol";
import { newId } from "@danube/kit";
import Sqlite from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { migrations } from "../migrations/migrations.ts";
import { createExecutor } from "../sql/executor.ts";
import type { ReadTransaction } from "../sql/transaction.ts";
import { pipelineDocument } from "../test-database.ts";
import { findJobByToken, listEndedJobsWithSandbox, listJobsWithOldLog } from "../write/jobs.ts";
import { listJobsOfTrigger } from "../write/triggers.ts";
import { createQueries } from "./queries.ts";

/** Calls `use` with a transaction that answers nothing but the plans of what it is asked. */
function collectPlans(use: (read: <T>(work: (transaction: ReadTransaction) => T) => T) => void) {
  const sqlite = new Sqlite(":memory:");
  for (const migration of migrations) migration.apply(sqlite);
  sqlite.exec(`
    INSERT INTO pipelines (id, name, repository, script, revision, next_job_number, created_at, updated_at)
      VALUES ('p', 'app', 'r', 's', 1, 1, '', '');
    INSERT INTO pipeline_revisions VALUES ('p', 1, '${JSON.stringify(pipelineDocument("app"))}', '')`);
  sqlite.exec("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY)");
  const executor = createExecutor(sqlite);
  const plans: { sql: string; plan: string[] }[] = [];
  const explain = (query: { readonly sql: string; readonly parameters: readonly unknown[] }) => {
    const rows = sqlite.prepare(`EXPLAIN QUERY PLAN ${query.sql}`).all(...query.parameters) as { detail: string }[];
    plans.push({ sql: query.sql, plan: rows.map((row) => row.detail) });
  };
  use((work) =>
    work({
      all: (query) => {
        explain(query);
        return executor.all(query);
      },
      first: (query) => {
        explain(query);
        return executor.first(query);
      },
    }),
  );
  sqlite.close();
  return plans;
}

const id = newId();
const statuses = ["pending" as const, "success" as const];
const requests: { [N in keyof Queries]: Parameters<Queries[N]>[0][] } = {
  getJob: [{ jobId: id }],
  listJobs: [
    {},
    { statuses: ["failure"] },
    { statuses },
    { branch: "main" },
    { branch: "main", statuses },
    { pipelineName: "app" },
    { pipelineName: "app", statuses },
    { pipelineName: "app", branch: "main" },
    { pipelineName: "app", branch: "main", statuses },
  ],
  listActiveJobs: [{}],
  listSteps: [{ jobId: id }],
  listArtifacts: [{ jobId: id }],
  getArtifact: [{ artifactId: id }],
  listPipelines: [{}, { includeArchived: true }],
  getPipeline: [{ name: "app" }],
  getConfiguration: [{}],
  listUndecidedTriggers: [{}],
  getTrigger: [{ triggerId: id }],
  listCronSlots: [{}],
  listBlueprintSyncs: [{}],
  listSecrets: [{}],
  findTokenByHash: [{ tokenSha256: "ab".repeat(32) }],
  ping: [{}],
};

/** A scan under a name that stands for a large table in any query, or a search that has to try every value of a column. */
const everyRowOfALargeTable = /^SCAN (?:jobs|steps|triggers|webhook_deliveries|artifacts|audit_log|j|l)\b|ANY\(/;

describe("query plans", () => {
  it("never read all of a large table", () => {
    const plans = collectPlans((read) => {
      const queries = createQueries({ read });
      for (const name of Object.keys(requests) as (keyof Queries)[]) {
        for (const request of requests[name]) void queries[name](request as never);
      }
      read((transaction) => {
        findJobByToken(transaction, "ab".repeat(32));
        listEndedJobsWithSandbox(transaction);
        listJobsWithOldLog(transaction, { finishedBefore: "2026", limit: 10 });
        listJobsOfTrigger(transaction, id);
      });
    });
    expect(plans.filter(({ sql }) => sql.includes("(p.created_at, p.id) <"))).toHaveLength(requests.listJobs.length);
    for (const { sql, plan } of plans) {
      expect(
        plan.filter((line) => everyRowOfALargeTable.test(line)),
        sql,
      ).toEqual([]);
    }
  });
});
