// The audit log. The database itself refuses every change and, but for retention, every deletion.
import type { CommandMethods } from "@danube/protocol";
import type { z } from "zod";
import { sqlBuilder } from "../sql/builder.ts";
import type { WriteTransaction } from "../sql/transaction.ts";

export type AuditEntry = z.output<CommandMethods["recordAudit"]["request"]>;

/** Adds an entry. The same id again changes nothing. */
export function recordAudit(transaction: WriteTransaction, entry: AuditEntry): void {
  transaction.run(
    sqlBuilder
      .insertInto("audit_log")
      .values({
        id: entry.id,
        created_at: transaction.now,
        subject: entry.actor.subject,
        address: entry.actor.address ?? null,
        action: entry.action,
        target: entry.target ?? null,
        result: entry.result,
        detail: entry.detail ?? null,
      })
      .onConflict((conflict) => conflict.column("id").doNothing())
      .compile(),
  );
}

/** Retention: deletes at most `limit` entries older than a time. Tells how many. The only way in which entries ever go. */
export function deleteAuditBefore(
  transaction: WriteTransaction,
  options: { readonly before: string; readonly limit: number },
): number {
  transaction.run(sqlBuilder.insertInto("audit_retention").values({ id: 1, delete_before: options.before }).compile());
  const { changes } = transaction.run(
    sqlBuilder
      .deleteFrom("audit_log")
      .where("id", "in", (builder) =>
        builder
          .selectFrom("audit_log")
          .select("id")
          .where("created_at", "<", options.before)
          .orderBy("created_at")
          .limit(options.limit),
      )
      .compile(),
  );
  transaction.run(sqlBuilder.deleteFrom("audit_retention").compile());
  return changes;
}
