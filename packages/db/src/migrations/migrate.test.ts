import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createTestClock, newId, silentLogger } from "@danube/kit";
import Sqlite from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { startFixture } from "../child-process.ts";
import { openReader } from "../read/reader.ts";
import { openTestDatabase, pushEvent, temporaryDirectory } from "../test-database.ts";
import { openWriter } from "../write/open-writer.ts";
import { recordTrigger } from "../write/triggers.ts";
import type { Migration } from "./migration.ts";
import { migrations } from "./migrations.ts";

const newest = migrations.length;
const next = (version: number, text: string): Migration => ({
  version,
  name: `step ${version}`,
  apply: (sqlite) => {
    sqlite.exec(text);
  },
});

/** A database of today's schema with one trigger in it, closed. */
async function makeDatabase(): Promise<string> {
  const { writer, dataDirectory } = await openTestDatabase();
  await writer.transaction((transaction) =>
    recordTrigger(transaction, { id: newId(), deduplicationKey: "kept", event: pushEvent() }),
  );
  await writer.close();
  return dataDirectory;
}

async function upgrade(dataDirectory: string, list: readonly Migration[], time = "2026-03-01T00:00:00.000Z") {
  const clock = createTestClock(time);
  const writer = await openWriter({
    dataDirectory,
    logger: silentLogger,
    ballastBytes: 4_096,
    migrations: list,
    clock,
  });
  await writer.close();
}

/** What is in a database file: version, tables, triggers' keys. */
function look(file: string) {
  const sqlite = new Sqlite(file, { readonly: true });
  const values = (text: string) => sqlite.prepare(text).pluck().all();
  const seen = {
    version: values("SELECT max(version) FROM schema_migrations")[0],
    tables: values("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"),
    keys: values("SELECT deduplication_key FROM triggers"),
    check: values("PRAGMA quick_check")[0],
  };
  sqlite.close();
  return seen;
}

describe("migrations", () => {
  it("are numbered from 1 without gaps", () => {
    expect(migrations.map(({ version }) => version)).toEqual(migrations.map((_, index) => index + 1));
  });

  it("make strict tables, each row with its checks", async () => {
    const { writer, dataDirectory } = await openTestDatabase();
    await writer.close();
    const sqlite = new Sqlite(join(dataDirectory, "danube.db"), { readonly: true });
    const loose = sqlite
      .prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND strict = 0")
      .pluck()
      .all();
    expect(loose).toEqual(["sqlite_schema"]);
    expect(sqlite.pragma("journal_mode", { simple: true })).toBe("wal");
    sqlite.close();
  });

  it("back a database up before they change it, and keep the five newest backups", async () => {
    const dataDirectory = await makeDatabase();
    const list = [...migrations];
    for (let step = 1; step <= 7; step++) {
      list.push(next(newest + step, `CREATE TABLE extra_${step} (a TEXT) STRICT`));
      await upgrade(dataDirectory, list, `2026-03-0${step}T00:00:00.000Z`);
    }
    const backups = readdirSync(join(dataDirectory, "backups")).sort();
    expect(backups).toEqual([3, 4, 5, 6, 7].map((step) => `2026030${step}T000000000Z-schema-${newest + step - 1}.db`));
    const oldest = look(join(dataDirectory, "backups", backups[0] ?? ""));
    expect(oldest).toMatchObject({ version: newest + 2, keys: ["kept"], check: "ok" });
    expect(look(join(dataDirectory, "danube.db"))).toMatchObject({ version: newest + 7, keys: ["kept"] });
  });

  it("back nothing up when there is nothing to change", async () => {
    const dataDirectory = await makeDatabase();
    await upgrade(dataDirectory, migrations);
    expect(readdirSync(dataDirectory)).not.toContain("backups");
  });

  it("refuse a schema that a newer program made, for writer and reader, and change nothing", async () => {
    const dataDirectory = await makeDatabase();
    await upgrade(dataDirectory, [...migrations, next(newest + 1, "CREATE TABLE extra (a TEXT) STRICT")]);
    const before = look(join(dataDirectory, "danube.db"));
    const refused = { code: "schema_too_new", message: expect.stringContaining(`schema ${newest + 1}`) };
    await expect(upgrade(dataDirectory, migrations)).rejects.toMatchObject(refused);
    expect(() => openReader({ dataDirectory })).toThrow(expect.objectContaining({ code: "schema_too_new" }));
    expect(look(join(dataDirectory, "danube.db"))).toEqual(before);
  });

  it("leave the old schema when one of them fails", async () => {
    const dataDirectory = await makeDatabase();
    const before = look(join(dataDirectory, "danube.db"));
    const list = [
      ...migrations,
      next(newest + 1, "CREATE TABLE extra (a TEXT) STRICT"),
      next(newest + 2, "DELETE FROM triggers; SELECT nothing"),
    ];
    await expect(upgrade(dataDirectory, list)).rejects.toThrow("nothing");
    expect(look(join(dataDirectory, "danube.db"))).toEqual(before);
    await upgrade(dataDirectory, migrations);
  });

  it("are undone when they leave references to nothing", async () => {
    const dataDirectory = await makeDatabase();
    const dangling = next(
      newest + 1,
      "INSERT INTO cron_slots VALUES ('no such pipeline', '* * * * *', '2026-01-01T00:00:00.000Z')",
    );
    await expect(upgrade(dataDirectory, [...migrations, dangling])).rejects.toMatchObject({ code: "corrupt" });
    expect(look(join(dataDirectory, "danube.db")).version).toBe(newest);
  });

  it("leave the old schema when the process is killed in the middle, and succeed at the next start", async () => {
    const dataDirectory = await makeDatabase();
    const before = look(join(dataDirectory, "danube.db"));
    const fixture = startFixture("migrate-and-hang", dataDirectory);
    expect(await fixture.nextLine()).toBe("half");
    await fixture.kill();
    const [backup = ""] = readdirSync(join(dataDirectory, "backups"));
    expect(look(join(dataDirectory, "backups", backup))).toEqual(before);

    // The old program still can open it, and so can the new one, whose migration then goes through.
    await upgrade(dataDirectory, migrations);
    expect(look(join(dataDirectory, "danube.db"))).toEqual(before);
    await upgrade(dataDirectory, [...migrations, next(newest + 1, "CREATE TABLE half (a TEXT) STRICT")]);
    expect(look(join(dataDirectory, "danube.db"))).toMatchObject({ version: newest + 1, keys: ["kept"], check: "ok" });
  });

  it("refuse a reader as long as the writer has not brought the schema up", async () => {
    const dataDirectory = temporaryDirectory();
    new Sqlite(join(dataDirectory, "danube.db")).exec("CREATE TABLE other (a)").close();
    expect(() => openReader({ dataDirectory })).toThrow(expect.objectContaining({ code: "unavailable" }));
  });
});
