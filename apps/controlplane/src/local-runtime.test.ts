// The control plane with the real local driver, the real Coordinator and real processes.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { createMetrics, newId, silentLogger } from "@danube/kit";
import { BlueprintConfiguration, type Job, type JobTrigger } from "@danube/protocol";
import { createLocalDriver } from "@danube/runtime-local";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ControlPlane, createApp } from "./app.ts";
import { controlPlaneDefaults, dataPaths } from "./config.ts";

const coordinator = fileURLToPath(new URL("../../coordinator/src/main.ts", import.meta.url));
// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

let directory: string;
let repository: string;
let app: ControlPlane;

beforeEach(async () => {
  port = 0;
  directory = mkdtempSync(path.join(tmpdir(), "danube-local-"));
  repository = path.join(directory, "repository");
  execFileSync("git", ["init", "-q", "-b", "main", repository]);
  app = await open();
});
afterEach(async () => {
  const { jobs } = await app.queries.listActiveJobs({});
  for (const job of jobs) await app.commands.cancelJob({ jobId: job.id, actor: { subject: "test" } });
  for (const job of jobs) await app.released(job.id);
  await app.stop({ graceMs: 0 });
  rmSync(directory, { recursive: true, force: true });
});

let port = 0;

async function open(): Promise<ControlPlane> {
  const dataDirectory = path.join(directory, "data");
  const opened = await createApp({
    config: {
      ...controlPlaneDefaults,
      dataDirectory,
      allowLocalRepositories: true,
      environment: process.env,
      timings: { cancelGraceMs: 1_000, endSlackMs: 1_000, killAfterMs: 1_000 },
    },
    driver: createLocalDriver({
      root: dataPaths(dataDirectory).sandboxes,
      coordinatorCommand: [process.execPath, coordinator],
      logger: silentLogger,
    }),
    logger: silentLogger,
    metrics: createMetrics(),
  });
  // A restarted control plane is reached where the one before was.
  ({ port } = await opened.listenJobs({ host: "127.0.0.1", port }));
  await opened.start();
  return opened;
}

function commit(danubefile: string): void {
  writeFileSync(path.join(repository, "danubefile.ts"), danubefile);
  const identity = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
  };
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: repository, env: { ...process.env, ...identity } });
  git("add", ".");
  git("commit", "-q", "-m", "change");
}

async function trigger(about: Partial<JobTrigger> = {}): Promise<Job> {
  const document = { apiVersion: "danube.dev/v1" };
  const configuration = BlueprintConfiguration.parse({
    config: { ...document, kind: "Config", spec: {} },
    users: [],
    teams: [],
    pipelines: [{ ...document, kind: "Pipeline", metadata: { name: "app" }, spec: { repository } }],
  });
  await app.commands.applyBlueprint({
    syncId: newId(),
    commitSha: "1",
    configuration,
    startedAt: new Date().toISOString(),
  });
  const { pipeline } = await app.queries.getPipeline({ name: "app" });
  const triggerId = newId();
  const event = { type: "manual" as const, forge: "danube" as const, repositoryUrls: [], pipelineName: "app" };
  await app.commands.recordTrigger({ id: triggerId, deduplicationKey: triggerId, event });
  const job = {
    id: newId(),
    pipelineId: pipeline?.id ?? "",
    trigger: { type: "manual" as const, ...about },
    params: {},
    admit: true,
  };
  const { jobs } = await app.commands.decideTrigger({ triggerId, jobs: [job], outcome: "One job." });
  return jobs[0] as Job;
}

async function ended(jobId: string): Promise<Job> {
  for await (const change of app.changes.watch(AbortSignal.timeout(40_000))) {
    const { job } = change.type === "job" ? change : await app.queries.getJob({ jobId });
    if (job?.id === jobId && job.finishedAt !== undefined) break;
  }
  await app.released(jobId);
  const { job } = await app.queries.getJob({ jobId });
  if (!job) throw new Error("There is no such job.");
  return job;
}

const log = (jobId: string) => readFileSync(path.join(directory, "data", "logs", `${jobId}.log`), "utf8");

describe("jobs on this machine", () => {
  test("a pipeline file from a repository's default branch runs, with secret and artifact", async () => {
    commit(`
      export default async ({ step, secrets, artifacts, ctx }) => {
        const token = await secrets.get("TOKEN");
        await step.run("echo on $BRANCH with $TOKEN", { env: { TOKEN: token, BRANCH: ctx.branch } });
        await step.run("mkdir dist && echo built > dist/site.txt");
        await artifacts.upload("dist/site.txt", { name: "site" });
      };
    `);
    await app.commands.setSecret({ name: "TOKEN", value: "hunter2-hunter2", actor: { subject: "ann" } });
    const { id } = await trigger();
    const job = await ended(id);
    expect(job).toMatchObject({
      status: "success",
      trigger: { branch: "main", commitSha: expect.stringMatching(/^[0-9a-f]{40}$/) },
    });
    expect(log(id)).toContain("on main with ***\n");
    expect(log(id)).not.toContain("hunter2");
    const [artifact] = (await app.queries.listArtifacts({ jobId: id })).artifacts;
    const file = path.join(directory, "data", "artifacts", id, artifact?.id ?? "");
    expect(readFileSync(file, "utf8")).toBe("built\n");
  });

  test("a failing step fails the job, and a file that does not load says where", async () => {
    commit(`export default async ({ step }) => { await step.run("exit 3", { name: "Break" }); };`);
    expect(await ended((await trigger()).id)).toMatchObject({ status: "failure", reason: "step_failed" });
    commit("export default async ({ step }) => { nonsense here };");
    expect(await ended((await trigger()).id)).toMatchObject({
      status: "failure",
      reason: "pipeline_error",
      message: expect.stringContaining("danubefile.ts"),
    });
  });

  test("a branch that is not there fails the job with its name; a pull request from a fork is refused", async () => {
    commit("export default async () => {};");
    expect(await ended((await trigger({ branch: "nope" })).id)).toMatchObject({
      status: "failure",
      reason: "pipeline_error",
      message: 'The repository has no ref "refs/heads/nope".',
    });
    const pullRequest = {
      number: 1,
      title: "x",
      action: "opened",
      headBranch: "x",
      baseBranch: "main",
      isFork: true,
    } as const;
    const forked = await trigger({ type: "pull_request", pullRequest });
    expect(await ended(forked.id)).toMatchObject({ status: "failure", reason: "policy_denied" });
    expect(readdirSync(path.join(directory, "data", "sandboxes")).filter((name) => name === forked.id)).toEqual([]);
  });

  test("cancelling kills what ignores SIGTERM and lets `finally` run", async () => {
    const marker = path.join(directory, "finally-ran");
    commit(`
      import { writeFileSync } from "node:fs";
      export default async ({ step }) => {
        try {
          await step.run("trap '' TERM; echo started; sleep 60 & wait; sleep 60", { name: "Stubborn" });
        } finally {
          writeFileSync(${JSON.stringify(marker)}, "yes");
        }
      };
    `);
    const { id } = await trigger();
    for await (const change of app.changes.watch(AbortSignal.timeout(40_000))) {
      if (change.type === "log" && log(id).includes("started")) break;
    }
    await app.commands.cancelJob({ jobId: id, actor: { subject: "ann" } });
    expect(await ended(id)).toMatchObject({ status: "cancelled", reason: "cancelled_by_user" });
    expect(readFileSync(marker, "utf8")).toBe("yes");
  });

  test("a new process takes up a job in the middle of a step: same bytes, same exit code, one execution", async () => {
    const counter = path.join(directory, "counter");
    commit(`
      export default async ({ step }) => {
        await step.run("echo ran >> ${counter}; for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; sleep 0.1; done; exit 4", { check: false });
        await step.run("echo after");
      };
    `);
    const { id } = await trigger();
    for await (const change of app.changes.watch(AbortSignal.timeout(40_000))) {
      if (change.type === "log" && log(id).includes("line 3")) break;
    }
    await app.stop({ graceMs: 0 });
    app = await open();
    expect(await ended(id)).toMatchObject({ status: "success" });
    const lines = Array.from({ length: 10 }, (_, at) => `line ${at + 1}\n`).join("");
    expect(log(id)).toContain(`${lines}after\n`);
    expect(readFileSync(counter, "utf8")).toBe("ran\n");
    const { steps } = await app.queries.listSteps({ jobId: id });
    expect(steps.map((step) => step.exitCode)).toEqual([4, 0]);
  });

  test("`danube run` works in the author's own directory and leaves it as it is", async () => {
    const workspaceDirectory = path.join(directory, "mine");
    execFileSync("mkdir", [workspaceDirectory]);
    writeFileSync(
      path.join(workspaceDirectory, "danubefile.ts"),
      `export default async ({ step }) => { await step.run("pwd; touch made"); };`,
    );
    const job = await app.createLocalJob({ pipelineName: "mine", workspaceDirectory, script: "danubefile.ts" });
    expect(await ended(job.id)).toMatchObject({ status: "success", number: 1 });
    expect(log(job.id)).toContain(`${workspaceDirectory}\n`);
    expect(readFileSync(path.join(workspaceDirectory, "made"), "utf8")).toBe("");
    const again = await app.createLocalJob({ pipelineName: "mine", workspaceDirectory, script: "danubefile.ts" });
    expect(await ended(again.id)).toMatchObject({ status: "success", number: 2 });
  });
});
