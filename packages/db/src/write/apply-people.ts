// Users and teams of a Blueprint become rows. Both are known by name and keep their id for as long as they are named.
import type { TeamDocument, UserDocument } from "@danube/protocol";
import { sqlBuilder } from "../sql/builder.ts";
import type { WriteTransaction } from "../sql/transaction.ts";

/** Makes the stored users equal to these. */
export function applyUsers(transaction: WriteTransaction, users: readonly UserDocument[], newId: () => string): void {
  const { now } = transaction;
  const before = transaction.all(sqlBuilder.selectFrom("users").selectAll().compile());
  const known = new Map(before.map((row) => [row.name, row]));
  // All go first and come back with their ids: two users may have swapped their addresses.
  transaction.run(sqlBuilder.deleteFrom("users").compile());
  for (const { metadata, spec } of users) {
    const row = known.get(metadata.name);
    const fields = { name: metadata.name, email: spec.email, password_hash: spec.password_hash ?? null };
    const isSame = row?.email === fields.email && row.password_hash === fields.password_hash;
    transaction.run(
      sqlBuilder
        .insertInto("users")
        .values({
          id: row?.id ?? newId(),
          ...fields,
          created_at: row?.created_at ?? now,
          updated_at: isSame ? row.updated_at : now,
        })
        .compile(),
    );
  }
}

/** Makes the stored teams and their members equal to these. Returns the teams' ids by name. */
export function applyTeams(
  transaction: WriteTransaction,
  teams: readonly TeamDocument[],
  newId: () => string,
): ReadonlyMap<string, string> {
  const before = transaction.all(sqlBuilder.selectFrom("teams").select(["id", "name"]).compile());
  const ids = new Map(before.map((row) => [row.name, row.id]));
  const wanted = new Set(teams.map((team) => team.metadata.name));
  for (const [name, id] of ids) {
    if (wanted.has(name)) continue;
    transaction.run(sqlBuilder.deleteFrom("teams").where("id", "=", id).compile());
    ids.delete(name);
  }
  for (const { metadata, spec } of teams) {
    const id = ids.get(metadata.name) ?? newId();
    ids.set(metadata.name, id);
    applyTeam(transaction, id, metadata.name, spec);
  }
  return ids;
}

function applyTeam(transaction: WriteTransaction, id: string, name: string, spec: TeamDocument["spec"]): void {
  const { now } = transaction;
  const globalAdmin = spec.global_admin ? 1 : 0;
  transaction.run(
    sqlBuilder
      .insertInto("teams")
      .values({ id, name, global_admin: globalAdmin, created_at: now, updated_at: now })
      .onConflict((conflict) => conflict.column("id").doUpdateSet({ global_admin: globalAdmin, updated_at: now }))
      .compile(),
  );
  transaction.run(sqlBuilder.deleteFrom("team_members").where("team_id", "=", id).compile());
  for (const email of new Set(spec.members)) {
    transaction.run(sqlBuilder.insertInto("team_members").values({ team_id: id, email }).compile());
  }
}
