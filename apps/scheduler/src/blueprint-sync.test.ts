import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createMetrics, createTestClock, type Metrics, newId, silentLogger, type TestClock } from "@danube/kit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type BlueprintSync, createBlueprintSync } from "./blueprint-sync.ts";
import { createTestControlPlane, type TestControlPlane } from "./testing/control-plane.ts";

let clock: TestClock;
let plane: TestControlPlane;
let metrics: Metrics;
let sync: BlueprintSync;
let repository: string;

beforeEach(async () => {
  clock = createTestClock();
  plane = await createTestControlPlane({ clock });
  metrics = createMetrics();
  repository = mkdtempSync(path.join(tmpdir(), "danube-sync-"));
  git("init", "--quiet", "--initial-branch", "main");
  sync = createSync();
});
afterEach(async () => {
  await sync.stop();
  await plane[Symbol.asyncDispose]();
});

function createSync(): BlueprintSync {
  const source = {
    url: repository,
    branch: "main",
    directory: path.join(repository, "..", "unused"),
    intervalMs: 60_000,
  };
  return createBlueprintSync({ ...plane, source, metrics, clock, logger: silentLogger, newId });
}

function git(...args: string[]): string {
  const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
  return execFileSync("git", [...identity, ...args], { cwd: repository, encoding: "utf8" }).trim();
}

function commit(files: Record<string, unknown>): string {
  mkdirSync(path.join(repository, "pipelines"), { recursive: true });
  for (const [name, content] of Object.entries(files))
    writeFileSync(path.join(repository, name), typeof content === "string" ? content : JSON.stringify(content));
  git("add", "--all");
  git("commit", "--quiet", "--message", "Change");
  return git("rev-parse", "HEAD");
}

const pipeline = (name: string, spec: object = {}) => ({
  apiVersion: "danube.dev/v1",
  kind: "Pipeline",
  metadata: { name },
  spec: { repository: "https://git.test/acme/site", ...spec },
});

const storedSyncs = async () =>
  (await plane.queries.listBlueprintSyncs({})).syncs
    .map(({ status, commitSha, errors }) => ({ status, commitSha, errors }))
    .reverse();
const names = async () => (await plane.queries.getConfiguration({})).pipelines.map(({ name }) => name);
const metric = async (name: string) =>
  (await metrics.render())
    .split("\n")
    .find((line) => line.startsWith(`danube_${name} `))
    ?.split(" ")[1];

/** Waits for the loop to sleep: then the run that was due has ended. */
async function pass(ms: number): Promise<void> {
  await clock.advance(ms);
  await clock.untilTimers(1);
}

test("applies what is committed, at the start and at every interval", async () => {
  const first = commit({ "pipelines/a.json": pipeline("a") });
  sync.start();
  await clock.untilTimers(1);
  expect(await names()).toEqual(["a"]);
  const second = commit({ "pipelines/b.json": pipeline("b") });
  await pass(60_000);
  expect(await names()).toEqual(["a", "b"]);
  await pass(60_000);
  expect(await storedSyncs()).toEqual([
    { status: "applied", commitSha: first, errors: [] },
    { status: "applied", commitSha: second, errors: [] },
  ]);
  expect(await metric('blueprint_sync_total{status="applied"}')).toBe("2");
  expect(await metric('blueprint_sync_total{status="unchanged"}')).toBe("1");
  expect(await metric("blueprint_sync_last_success")).toBe(String(clock.now().getTime() / 1_000));
});

test("tells what changed when it is asked to sync at once", async () => {
  commit({ "pipelines/a.json": pipeline("a") });
  await sync.syncNow();
  const commitSha = commit({ "pipelines/a.json": pipeline("a", { warm: 2 }) });
  expect(await sync.syncNow()).toEqual({
    status: "applied",
    commitSha,
    changes: [
      { action: "changed", kind: "Pipeline", name: "a", fields: [{ pointer: "/spec/warm", before: 0, after: 2 }] },
    ],
  });
  expect(await sync.syncNow()).toEqual({ status: "unchanged", commitSha });
});

test("keeps the last good configuration when the files are wrong, and says why, once an hour", async () => {
  const good = commit({ "pipelines/a.json": pipeline("a") });
  sync.start();
  await clock.untilTimers(1);
  const bad = commit({ "pipelines/a.json": pipeline("a", { wram: 1 }), "pipelines/b.json": pipeline("b") });
  const errors = ['pipelines/a.json:1:123 /spec/wram: unknown key "wram"; did you mean "warm"?'];
  await pass(60_000);
  await pass(60_000);
  expect(await names()).toEqual(["a"]);
  const failed = { status: "failed", commitSha: bad, errors };
  expect(await storedSyncs()).toEqual([{ status: "applied", commitSha: good, errors: [] }, failed]);
  expect(await sync.syncNow()).toEqual(failed);
  expect(await metric('blueprint_sync_total{status="failed"}')).toBe("3");
  for (let minute = 0; minute < 60; minute++) await pass(60_000);
  expect((await storedSyncs()).slice(1)).toEqual([failed, failed]);
  const mended = commit({ "pipelines/a.json": pipeline("a", { warm: 1 }) });
  await pass(60_000);
  expect(await names()).toEqual(["a", "b"]);
  expect((await storedSyncs()).at(-1)).toEqual({ status: "applied", commitSha: mended, errors: [] });
});

test("tells a repository that cannot be read, and when it can again though nothing changed meanwhile", async () => {
  const commitSha = commit({ "pipelines/a.json": pipeline("a") });
  await sync.syncNow();
  renameSync(repository, `${repository}.away`);
  const errors = [`There is no Git repository at ${repository}.`];
  expect(await sync.syncNow()).toEqual({ status: "failed", errors });
  expect(await names()).toEqual(["a"]);
  renameSync(`${repository}.away`, repository);
  await sync.stop();
  sync = createSync(); // another process: it knows of the failure only from what is stored
  expect(await sync.syncNow()).toEqual({ status: "unchanged", commitSha });
  await sync.syncNow();
  expect(await storedSyncs()).toEqual([
    { status: "applied", commitSha, errors: [] },
    { status: "failed", commitSha: undefined, errors },
    { status: "unchanged", commitSha, errors: [] },
  ]);
});

test("a repository that lost all its files applies nothing", async () => {
  commit({ "pipelines/a.json": pipeline("a") });
  await sync.syncNow();
  rmSync(path.join(repository, "pipelines"), { recursive: true });
  commit({ "README.md": "Moved." });
  expect(await sync.syncNow()).toMatchObject({ status: "failed" });
  expect(await names()).toEqual(["a"]);
});

test("syncs that are asked for at the same time run one after the other", async () => {
  const commitSha = commit({ "pipelines/a.json": pipeline("a") });
  const results = await Promise.all([sync.syncNow(), sync.syncNow(), sync.syncNow()]);
  expect(results.map(({ status }) => status)).toEqual(["applied", "unchanged", "unchanged"]);
  expect((await plane.queries.getConfiguration({})).commitSha).toBe(commitSha);
});
