import type { BlueprintSync } from "@danube/protocol";
import { sqlBuilder } from "../sql/builder.ts";
import type { WriteTransaction } from "../sql/transaction.ts";

/** Remembers what a sync came to; it finished now. The same id again changes nothing. */
export function recordBlueprintSync(transaction: WriteTransaction, sync: Omit<BlueprintSync, "finishedAt">): void {
  transaction.run(
    sqlBuilder
      .insertInto("blueprint_syncs")
      .values({
        id: sync.id,
        status: sync.status,
        commit_sha: sync.commitSha ?? null,
        errors: JSON.stringify(sync.errors),
        changes_applied: sync.changesApplied,
        started_at: sync.startedAt,
        finished_at: transaction.now,
      })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .compile(),
  );
}
