import { newId } from "@danube/kit";
import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { sqlBuilder } from "../sql/builder.ts";
import { openTestDatabase } from "../test-database.ts";
import { type AuditEntry, deleteAuditBefore, recordAudit } from "./audit.ts";
import type { Writer } from "./writer.ts";

const entry = (id = newId()): AuditEntry => ({
  id,
  actor: { subject: "ada@example.com", address: "192.0.2.1" },
  action: "secret.read",
  target: "app/TOKEN",
  result: "ok",
});
const record = (writer: Writer, added: AuditEntry) =>
  writer.transaction((transaction) => recordAudit(transaction, added));
const rows = (writer: Writer) =>
  writer.read((transaction) => transaction.all(sqlBuilder.selectFrom("audit_log").selectAll().compile()));

describe("the audit log", () => {
  it("keeps an entry as it was, and the same one once", async () => {
    const { writer } = await openTestDatabase();
    const added = entry();
    await record(writer, added);
    await record(writer, { ...added, action: "something.else" });
    expect(rows(writer)).toEqual([
      {
        id: added.id,
        created_at: "2026-01-01T00:00:00.000Z",
        subject: "ada@example.com",
        address: "192.0.2.1",
        action: "secret.read",
        target: "app/TOKEN",
        result: "ok",
        detail: null,
      },
    ]);
  });

  it("refuses every change, deletion and replacement", async () => {
    const { writer } = await openTestDatabase();
    const added = entry();
    await record(writer, added);
    const before = rows(writer);
    const attempts = [
      sqlBuilder.updateTable("audit_log").set({ detail: "x" }).compile(),
      sqlBuilder.deleteFrom("audit_log").compile(),
      sql`REPLACE INTO audit_log SELECT id, created_at, 'eve', address, action, target, result, detail FROM audit_log`.compile(
        sqlBuilder,
      ),
    ];
    for (const attempt of attempts) {
      const changed = writer.transaction((transaction) => transaction.run(attempt));
      await expect(changed, attempt.sql).rejects.toThrow("the audit log only grows");
    }
    expect(rows(writer)).toEqual(before);
  });

  it("loses by retention exactly what is old, and is closed again after it", async () => {
    const { writer, clock } = await openTestDatabase();
    for (let day = 1; day <= 5; day++) {
      clock.setTime(`2026-01-0${day}T00:00:00.000Z`);
      await record(writer, entry());
    }
    const retain = (limit: number) =>
      writer.transaction((transaction) =>
        deleteAuditBefore(transaction, { before: "2026-01-04T00:00:00.000Z", limit }),
      );
    expect(await retain(2)).toBe(2);
    expect(await retain(10)).toBe(1);
    expect(rows(writer).map((row) => row.created_at)).toEqual(["2026-01-04T00:00:00.000Z", "2026-01-05T00:00:00.000Z"]);
    const deleted = writer.transaction((transaction) => transaction.run(sqlBuilder.deleteFrom("audit_log").compile()));
    await expect(deleted).rejects.toThrow("the audit log only grows");
  });
});
