import { DanubeError } from "@danube/protocol";
import Sqlite from "better-sqlite3";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createExecutor } from "../sql/executor.ts";
import type { WriteTransaction } from "../sql/transaction.ts";
import { temporaryDirectory } from "../test-database.ts";
import { createGroupCommit } from "./group-commit.ts";

/** Commits to a real file, with every statement that SQLite runs written down. */
function openCommits(options: { tickMs?: number } = {}) {
  const statements: string[] = [];
  const sqlite = new Sqlite(join(temporaryDirectory(), "test.db"), {
    verbose: (statement) => statements.push(String(statement)),
  });
  onTestFinished(() => {
    sqlite.close();
  });
  sqlite.pragma("journal_mode = WAL");
  sqlite.exec("CREATE TABLE t (a)");
  let timeMs = 0;
  let full = 0;
  const commits = createGroupCommit({
    sqlite,
    executor: createExecutor(sqlite),
    now: () => "2026-01-01T00:00:00.000Z",
    monotonicMs: () => (timeMs += options.tickMs ?? 0),
    onQueue: () => {},
    onStorageFull: () => (full += 1),
  });
  const count = (text: string) => statements.filter((statement) => statement === text).length;
  return { sqlite, commits, count, timesFull: () => full };
}

const insert = (value: number) => (transaction: WriteTransaction) =>
  transaction.run({ sql: `INSERT INTO t VALUES (${value})`, parameters: [] } as never);
const admit = () => {};

describe("createGroupCommit", () => {
  it("commits a lone transaction by itself, in the same turn of the event loop", async () => {
    const { commits, count } = openCommits();
    const committed = commits.add(insert(1), admit);
    const turn = new Promise((resolve) => setImmediate(resolve));
    await turn;
    expect(count("COMMIT")).toBe(1);
    await committed;
  });

  it("gives the transactions of one turn one commit", async () => {
    const { commits, count, sqlite } = openCommits();
    await Promise.all(Array.from({ length: 500 }, (_, index) => commits.add(insert(index), admit)));
    expect(count("COMMIT")).toBe(1);
    expect(sqlite.prepare("SELECT count(*) FROM t").pluck().get()).toBe(500);
  });

  it("commits in between when many wait, so that the event loop gets its turn", async () => {
    const { commits, count, sqlite } = openCommits({ tickMs: 1 });
    await Promise.all(Array.from({ length: 100 }, (_, index) => commits.add(insert(index), admit)));
    expect(count("COMMIT")).toBeGreaterThan(5);
    expect(sqlite.prepare("SELECT a FROM t ORDER BY rowid").pluck().all()).toEqual(
      Array.from({ length: 100 }, (_, index) => index),
    );
  });

  it("takes what a transaction's own work calls into a later batch", async () => {
    const { commits, sqlite } = openCommits();
    const inner: Promise<unknown>[] = [];
    await commits.add((transaction) => {
      inner.push(commits.add(insert(2), admit));
      insert(1)(transaction);
    }, admit);
    await Promise.all(inner);
    expect(sqlite.prepare("SELECT a FROM t ORDER BY rowid").pluck().all()).toEqual([1, 2]);
  });

  it("does not run what may not run", async () => {
    const { commits, sqlite } = openCommits();
    const refused = commits.add(insert(1), () => {
      throw new DanubeError("storage_full", "No room.");
    });
    const others = [commits.add(insert(2), admit), commits.add(insert(3), admit)];
    await expect(refused).rejects.toMatchObject({ code: "storage_full" });
    await Promise.all(others);
    expect(sqlite.prepare("SELECT a FROM t").pluck().all()).toEqual([2, 3]);
  });

  it("rejects all of a batch that finds the disk full, and runs the rest", async () => {
    const { commits, sqlite, timesFull } = openCommits();
    sqlite.pragma("max_page_count = 12");
    const large = (transaction: WriteTransaction) =>
      transaction.run({ sql: "INSERT INTO t VALUES (randomblob(100000))", parameters: [] } as never);
    const results = await Promise.allSettled([
      commits.add(insert(1), admit),
      commits.add(large, admit),
      commits.add(insert(2), admit),
    ]);
    expect(results.map((result) => result.status)).toEqual(["rejected", "rejected", "fulfilled"]);
    expect(results[0]).toMatchObject({ reason: { code: "storage_full", retryable: true } });
    expect(sqlite.prepare("SELECT a FROM t").pluck().all()).toEqual([2]);
    expect(timesFull()).toBe(1);
  });

  it("does not let work hide that the disk was full", async () => {
    const { commits, sqlite, timesFull } = openCommits();
    sqlite.pragma("max_page_count = 12");
    const hidden = commits.add((transaction) => {
      insert(1)(transaction);
      try {
        transaction.run({ sql: "INSERT INTO t VALUES (randomblob(100000))", parameters: [] } as never);
      } catch {
        insert(2)(transaction);
      }
      return "done";
    }, admit);
    await expect(hidden).rejects.toMatchObject({ code: "storage_full" });
    expect(sqlite.prepare("SELECT a FROM t").pluck().all()).toEqual([]);
    expect(timesFull()).toBe(1);
  });
});
