import { newId, silentLogger } from "@danube/kit";
import Sqlite from "better-sqlite3";
import { statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startFixture } from "../child-process.ts";
import { createQueries } from "../read/queries.ts";
import { openReader } from "../read/reader.ts";
import { sqlBuilder } from "../sql/builder.ts";
import type { WriteTransaction } from "../sql/transaction.ts";
import { applyPipelines, jobAt, openTestDatabase, pushEvent, temporaryDirectory } from "../test-database.ts";
import { openWriter } from "./open-writer.ts";
import { findTrigger, recordTrigger } from "./triggers.ts";
import type { Writer } from "./writer.ts";

const record = (key: string) => (transaction: WriteTransaction) =>
  recordTrigger(transaction, { id: newId(), deduplicationKey: key, event: pushEvent() });
const keys = (writer: Pick<Writer, "read">) =>
  writer.read((transaction) =>
    transaction
      .all(sqlBuilder.selectFrom("triggers").select("deduplication_key as key").orderBy("id").compile())
      .map(({ key }) => key),
  );

describe("transaction", () => {
  it("runs in the order of the calls, each seeing what the ones before it wrote", async () => {
    const { writer } = await openTestDatabase();
    const seen = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        writer.transaction((transaction) => {
          const before = transaction.all(sqlBuilder.selectFrom("triggers").select("id").compile()).length;
          record(`${index}`)(transaction);
          return before;
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  it("undoes alone the one that throws", async () => {
    const { writer } = await openTestDatabase();
    const results = await Promise.allSettled(
      [0, 1, 2, 3].map((index) =>
        writer.transaction((transaction) => {
          record(`${index}a`)(transaction);
          if (index % 2 === 1) throw new RangeError(`no ${index}`);
          record(`${index}b`)(transaction);
        }),
      ),
    );
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected"]);
    expect(results[1]).toMatchObject({ reason: new RangeError("no 1") });
    expect(keys(writer)).toEqual(["0a", "0b", "2a", "2b"]);
  });

  it("undoes what a statement that failed had begun, and goes on with the others", async () => {
    const { writer } = await openTestDatabase();
    const results = await Promise.allSettled([
      writer.transaction(record("a")),
      writer.transaction((transaction) => {
        record("b")(transaction);
        transaction.run(
          sqlBuilder.insertInto("cron_slots").values({ pipeline_id: "none", schedule: "", slot: "" }).compile(),
        );
      }),
      writer.transaction(record("c")),
    ]);
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(results[1]).toMatchObject({ reason: { code: "not_found" } });
    expect(keys(writer)).toEqual(["a", "c"]);
  });

  it("refuses work that returns a promise, and stores nothing of it", async () => {
    const { writer } = await openTestDatabase();
    const refused = writer.transaction(async (transaction) => record("a")(transaction));
    await expect(refused).rejects.toThrow("must not return a promise");
    expect(keys(writer)).toEqual([]);
  });

  it("does not let a handle be used after its end", async () => {
    const { writer } = await openTestDatabase();
    const kept = await writer.transaction((transaction) => ({ transaction }));
    expect(() => record("a")(kept.transaction)).toThrow("has ended");
    const used = writer.transaction(() => record("a")(kept.transaction));
    await expect(used, "not inside another one either").rejects.toThrow("has ended");
    expect(keys(writer)).toEqual([]);
  });

  it("finishes what was called before close, and refuses what comes after", async () => {
    const { writer, dataDirectory } = await openTestDatabase();
    const before = writer.transaction(record("a"));
    const closed = writer.close();
    await expect(writer.transaction(record("b"))).rejects.toMatchObject({ code: "draining" });
    await Promise.all([before, closed, writer.close()]);
    const again = await openTestDatabase({ dataDirectory });
    expect(keys(again.writer)).toEqual(["a"]);
  });
});

describe("durability", () => {
  it("loses nothing that was acknowledged, wherever the process is killed", async () => {
    const dataDirectory = temporaryDirectory();
    const acknowledged: string[] = [];
    for (let round = 0; round < 5; round++) {
      const fixture = startFixture("write-triggers", dataDirectory, `${round}-`);
      for (let line = 0; line < 50 + round * 77; line++) acknowledged.push(await fixture.nextLine());
      await fixture.kill();
    }
    const { writer } = await openTestDatabase({ dataDirectory });
    const stored = new Set(keys(writer));
    expect(acknowledged.filter((key) => !stored.has(key))).toEqual([]);
    expect(writer.read((transaction) => findTrigger(transaction, newId()))).toBeUndefined();
  });

  it("syncs the log at each commit", async () => {
    const { writer } = await openTestDatabase();
    // Whatever the connection was opened with, this is what decides: 2 is FULL.
    const { sql } = await import("kysely");
    const pragma = sql<{ synchronous: number }>`PRAGMA synchronous`.compile(sqlBuilder);
    expect(writer.read((transaction) => transaction.first(pragma))).toEqual({ synchronous: 2 });
  });
});

describe("a reader in another process", () => {
  it("sees what was committed, while the writer goes on", async () => {
    const { writer, dataDirectory } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    await jobAt(writer, pipelineId);
    const reader = startFixture("read-jobs", dataDirectory);
    expect(await reader.nextLine()).toBe("1");
    for (const expected of ["2", "3"]) {
      await jobAt(writer, pipelineId);
      process.kill(reader.pid, "SIGUSR2");
      expect(await reader.nextLine()).toBe(expected);
    }
  });
});

describe("openReader", () => {
  it("can't write", async () => {
    const { dataDirectory } = await openTestDatabase();
    const reader = openReader({ dataDirectory });
    const written = () =>
      reader.read((transaction) => transaction.all(sqlBuilder.deleteFrom("jobs").returning("id").compile()));
    expect(written).toThrow(/readonly|read-only/);
    reader.close();
  });

  it("refuses as long as there is no database", () => {
    expect(() => openReader({ dataDirectory: temporaryDirectory() })).toThrow(
      expect.objectContaining({ code: "unavailable" }),
    );
  });

  it("reads one state, whatever is written meanwhile", async () => {
    const { writer, dataDirectory } = await openTestDatabase();
    const reader = openReader({ dataDirectory });
    const other = new Sqlite(join(dataDirectory, "danube.db"));
    const counts = reader.read((transaction) => {
      const count = () => transaction.all(sqlBuilder.selectFrom("triggers").select("id").compile()).length;
      const before = count();
      other.exec("INSERT INTO triggers VALUES ('x', 'x', 'push', '{}', 'received', NULL, '2026', NULL)");
      return [before, count()];
    });
    expect(counts).toEqual([0, 0]);
    expect(keys(reader)).toEqual(["x"]);
    expect((await createQueries(writer).listJobs({})).items).toEqual([]);
    other.close();
    reader.close();
  });
});

describe("backup", () => {
  it("copies a live database whole, and never over a file", async () => {
    const { writer } = await openTestDatabase();
    await writer.transaction(record("a"));
    const target = temporaryDirectory();
    const file = join(target, "danube.db");
    writer.backup(file);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await writer.transaction(record("b"));
    expect(() => writer.backup(file)).toThrow(expect.objectContaining({ code: "conflict" }));
    const restored = await openWriter({ dataDirectory: target, logger: silentLogger, ballastBytes: 4_096 });
    expect(keys(restored)).toEqual(["a"]);
    await restored.close();
  });
});

describe("metrics", () => {
  it("count the statements and tell how many transactions wait", async () => {
    let queries = 0;
    let observed = 0;
    const queue: number[] = [];
    const { writer } = await openTestDatabase({
      metrics: {
        dbQueriesTotal: { increment: () => (queries += 1), add: () => {} },
        dbQueryDurationSeconds: { observe: () => (observed += 1) },
        dbWriteQueue: { set: (value: number) => queue.push(value), add: () => {} },
      },
    });
    await Promise.all([writer.transaction(record("a")), writer.transaction(record("b"))]);
    expect(queries).toBe(4);
    expect(observed).toBe(queries);
    expect(queue).toEqual([1, 2, 0]);
  });
});
