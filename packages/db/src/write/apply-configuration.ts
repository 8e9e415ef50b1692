// A Blueprint becomes rows: all of it in one transaction, and what is gone from it is archived or deleted.
import { type BlueprintConfiguration, DanubeError, type PipelineDocument } from "@danube/protocol";
import { sqlBuilder } from "../sql/builder.ts";
import type { WriteTransaction } from "../sql/transaction.ts";
import { applyTeams, applyUsers } from "./apply-people.ts";

export interface ConfigurationToApply {
  readonly configuration: BlueprintConfiguration;
  readonly commitSha?: string;
  /** Only if this commit is the applied one; null: only if none has been applied. Without it, whatever is applied. */
  readonly expectedCommitSha?: string | null;
  readonly newId: () => string;
}

/**
 * Makes the stored configuration equal to this one. Pipelines are known by name: one that is gone is archived and keeps its
 * id, jobs, secrets and counter for its return; a changed document becomes a new revision. Users and teams that are gone are
 * deleted. Throws `conflict` when another commit than the expected one is applied.
 */
export function applyConfiguration(transaction: WriteTransaction, request: ConfigurationToApply): void {
  const { configuration, newId } = request;
  checkExpectedCommit(transaction, request.expectedCommitSha);
  applyUsers(transaction, configuration.users, newId);
  const teamIds = applyTeams(transaction, configuration.teams, newId);
  applyPipelines(transaction, configuration.pipelines, teamIds, newId);
  const row = {
    commit_sha: request.commitSha ?? null,
    document: JSON.stringify(configuration),
    applied_at: transaction.now,
  };
  transaction.run(
    sqlBuilder
      .insertInto("configuration")
      .values({ id: 1, ...row })
      .onConflict((conflict) => conflict.column("id").doUpdateSet(row))
      .compile(),
  );
}

function checkExpectedCommit(transaction: WriteTransaction, expected: string | null | undefined): void {
  if (expected === undefined) return;
  const applied = transaction.first(sqlBuilder.selectFrom("configuration").select("commit_sha").compile());
  if ((applied?.commit_sha ?? null) === expected) return;
  throw new DanubeError(
    "conflict",
    `Expected the applied configuration to be ${expected ?? "none"}, but it is ${applied?.commit_sha ?? "none"}.`,
  );
}

function applyPipelines(
  transaction: WriteTransaction,
  documents: readonly PipelineDocument[],
  teamIds: ReadonlyMap<string, string>,
  newId: () => string,
): void {
  const before = transaction.all(
    sqlBuilder
      .selectFrom("pipelines as p")
      .innerJoin("pipeline_revisions as r", (join) =>
        join.onRef("r.pipeline_id", "=", "p.id").onRef("r.revision", "=", "p.revision"),
      )
      .select(["p.id", "p.name", "p.revision", "p.archived_at", "r.document"])
      .compile(),
  );
  const known = new Map(before.map((row) => [row.name, row]));
  const wanted = new Set(documents.map((document) => document.metadata.name));
  for (const row of before) {
    if (wanted.has(row.name) || row.archived_at !== null) continue;
    setPipeline(transaction, row.id, { archived_at: transaction.now });
    setPermissions(transaction, row.id, [], teamIds);
  }
  for (const document of documents) {
    const row = known.get(document.metadata.name);
    const id = row?.id ?? newId();
    const text = JSON.stringify(document);
    if (!row) insertPipeline(transaction, id, document);
    if (!row || row.document !== text) {
      const revision = (row?.revision ?? 0) + 1;
      transaction.run(
        sqlBuilder
          .insertInto("pipeline_revisions")
          .values({ pipeline_id: id, revision, document: text, created_at: transaction.now })
          .compile(),
      );
      setPipeline(transaction, id, { revision, archived_at: null, ...pipelineColumns(document) });
    } else if (row.archived_at !== null) {
      setPipeline(transaction, id, { archived_at: null });
    }
    setPermissions(transaction, id, document.spec.permissions, teamIds);
  }
}

function pipelineColumns(document: PipelineDocument) {
  const { metadata, spec } = document;
  return { team: metadata.team ?? null, repository: spec.repository, script: spec.script };
}

function insertPipeline(transaction: WriteTransaction, id: string, document: PipelineDocument): void {
  const { now } = transaction;
  transaction.run(
    sqlBuilder
      .insertInto("pipelines")
      .values({
        id,
        name: document.metadata.name,
        ...pipelineColumns(document),
        revision: 1,
        next_job_number: 1,
        created_at: now,
        updated_at: now,
      })
      .compile(),
  );
}

function setPipeline(
  transaction: WriteTransaction,
  id: string,
  fields: {
    archived_at: string | null;
    revision?: number;
    team?: string | null;
    repository?: string;
    script?: string;
  },
): void {
  transaction.run(
    sqlBuilder
      .updateTable("pipelines")
      .set({ ...fields, updated_at: transaction.now })
      .where("id", "=", id)
      .compile(),
  );
}

const strength = { read: 0, write: 1, admin: 2 } as const;

function setPermissions(
  transaction: WriteTransaction,
  pipelineId: string,
  permissions: PipelineDocument["spec"]["permissions"],
  teamIds: ReadonlyMap<string, string>,
): void {
  transaction.run(sqlBuilder.deleteFrom("pipeline_permissions").where("pipeline_id", "=", pipelineId).compile());
  // A team that is named twice gets the stronger of the two levels.
  const weakestFirst = permissions.toSorted((a, b) => strength[a.level] - strength[b.level]);
  for (const [team, level] of new Map(weakestFirst.map(({ team, level }) => [team, level]))) {
    const teamId = teamIds.get(team);
    if (teamId === undefined) throw new DanubeError("invalid_request", `There is no team "${team}".`);
    transaction.run(
      sqlBuilder
        .insertInto("pipeline_permissions")
        .values({ pipeline_id: pipelineId, team_id: teamId, level })
        .compile(),
    );
  }
}
