import Sqlite from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { migrations } from "../migrations/migrations.ts";
import { sqlBuilder } from "./builder.ts";
import { createExecutor } from "./executor.ts";
import { prepare, prepareConstant } from "./prepare.ts";

describe("prepare", () => {
  it("builds once and binds each parameter wherever it stands, beside the constants", () => {
    let built = 0;
    const query = prepare<{ id: string; name: string | null }>()((p) => {
      built += 1;
      return sqlBuilder
        .selectFrom("teams")
        .select("id")
        .where((builder) => builder.or([builder("name", "=", p.name ?? ""), builder("id", "=", p.id)]))
        .where("global_admin", "=", 1)
        .where("id", "=", p.id);
    });
    expect(query({ id: "a", name: "x" }).parameters).toEqual(["x", "a", 1, "a"]);
    expect(query({ id: "b", name: null }).parameters).toEqual([null, "b", 1, "b"]);
    expect(built).toBe(1);
  });

  it("passes values as values, never as SQL", () => {
    const sqlite = new Sqlite(":memory:");
    for (const migration of migrations) migration.apply(sqlite);
    const { all, run } = createExecutor(sqlite);
    const insert = prepare<{ id: string; name: string }>()((p) =>
      sqlBuilder
        .insertInto("teams")
        .values({ id: p.id, name: p.name, global_admin: 0, created_at: "", updated_at: "" }),
    );
    const names = ["'; DROP TABLE teams; --", "line\nbreak", "\u0000", "?", "$1", "x".repeat(100_000)];
    for (const [index, name] of names.entries()) run(insert({ id: `${index}`, name }));
    const list = prepareConstant(() => sqlBuilder.selectFrom("teams").select("name").orderBy("id"));
    expect(all(list()).map((row) => row.name)).toEqual(names);
    sqlite.close();
  });
});
