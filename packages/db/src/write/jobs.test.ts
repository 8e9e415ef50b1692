import { newId } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { applyPipelines, failed, jobAt, newJob, openTestDatabase } from "../test-database.ts";
import { createJob } from "./create-job.ts";
import {
  explainJob,
  getJob,
  listActiveJobs,
  listEndedJobsWithSandbox,
  listJobsWithOldLog,
  markLogDeleted,
  markSandboxDeleted,
  recordJobOutcome,
} from "./jobs.ts";

const scheduling = { status: "scheduling" } as const;

describe("createJob", () => {
  it("counts from 1 within each pipeline", async () => {
    const { writer } = await openTestDatabase();
    const [app = "", site = ""] = await applyPipelines(writer, "app", "site");
    const numbers: number[] = [];
    for (const pipelineId of [app, app, site, app]) numbers.push((await jobAt(writer, pipelineId)).number);
    expect(numbers).toEqual([1, 2, 1, 3]);
  });

  it("gives back what was put in", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const job = newJob(pipelineId, {
      admit: true,
      params: { target: "x'; DROP TABLE jobs; --", count: 3, dry: true },
      trigger: {
        type: "pull_request",
        ref: "refs/pull/7/head",
        branch: "-rf",
        commitSha: "a".repeat(40),
        commitMessage: "line one\nline two \u001b[31m",
        actor: "ada",
        pullRequest: {
          number: 7,
          title: "<b>",
          action: "opened",
          headBranch: "x",
          baseBranch: "main",
          isFork: true,
        },
      },
    });
    await writer.transaction((transaction) => createJob(transaction, job));
    const stored = writer.read((transaction) => getJob(transaction, job.id));
    expect(stored).toEqual({
      sandbox: "expected",
      job: {
        id: job.id,
        pipelineId,
        pipelineName: "app",
        number: 1,
        status: "scheduling",
        trigger: job.trigger,
        params: job.params,
        attempt: 1,
        version: 1,
        createdAt: "2026-01-01T00:00:00.000Z",
        queuedAt: "2026-01-01T00:00:00.000Z",
      },
    });
  });

  it("makes a job once, however often it is asked", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const job = newJob(pipelineId);
    const first = await writer.transaction((transaction) => createJob(transaction, job));
    const second = await writer.transaction((transaction) => createJob(transaction, job));
    expect(second).toEqual(first);
    expect((await jobAt(writer, pipelineId)).number).toBe(2);
  });

  it("gives the next attempt its parent's number, and a rerun one of its own", async () => {
    const { writer } = await openTestDatabase();
    const [app = "", site = ""] = await applyPipelines(writer, "app", "site");
    const parent = await jobAt(writer, app, scheduling, failed);
    const create = (pipelineId: string, fields: object) =>
      writer.transaction((transaction) => createJob(transaction, newJob(pipelineId, fields)));
    expect(await create(app, { attempt: 2, parentJobId: parent.id })).toMatchObject({ number: 1, attempt: 2 });
    expect(await create(app, { parentJobId: parent.id })).toMatchObject({ number: 2, parentJobId: parent.id });
    const again = create(app, { attempt: 2, parentJobId: parent.id });
    await expect(again, "a second job as attempt 2").rejects.toMatchObject({ code: "conflict" });
    await expect(create(app, { attempt: 2 })).rejects.toMatchObject({ code: "invalid_request" });
    await expect(create(site, { attempt: 2, parentJobId: parent.id })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });
});

describe("lists of jobs", () => {
  it("tell the active ones oldest first", async () => {
    const { writer, clock } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const ids: string[] = [];
    for (const path of [[], [scheduling], [scheduling, failed], [scheduling, { status: "running" } as const]]) {
      clock.setTime(new Date(clock.now().getTime() + 1));
      ids.push((await jobAt(writer, pipelineId, ...path)).id);
    }
    const active = writer.read(listActiveJobs).map(({ job }) => job.id);
    expect(active).toEqual([ids[0], ids[1], ids[3]]);
  });

  it("tell the ended ones whose sandbox may still be there, until it is gone", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    await jobAt(writer, pipelineId, { status: "cancelled", reason: "cancelled_by_user", message: "Never admitted." });
    await jobAt(writer, pipelineId, scheduling);
    const ended = await jobAt(writer, pipelineId, scheduling, failed);
    expect(writer.read(listEndedJobsWithSandbox).map(({ job }) => job.id)).toEqual([ended.id]);
    await writer.transaction((transaction) => markSandboxDeleted(transaction, ended.id));
    expect(writer.read(listEndedJobsWithSandbox)).toEqual([]);
  });

  it("tell the logs that are old, until they are deleted", async () => {
    const { writer, clock } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const old = await jobAt(writer, pipelineId, scheduling, failed);
    await jobAt(writer, pipelineId);
    clock.setTime("2026-02-01T00:00:00.000Z");
    await jobAt(writer, pipelineId, scheduling, failed);
    const list = () =>
      writer
        .read((transaction) =>
          listJobsWithOldLog(transaction, { finishedBefore: "2026-01-15T00:00:00.000Z", limit: 9 }),
        )
        .map(({ job }) => job.id);
    expect(list()).toEqual([old.id]);
    await writer.transaction((transaction) => markLogDeleted(transaction, old.id));
    expect(list()).toEqual([]);
  });
});

describe("facts beside the status", () => {
  it("keep the first outcome that the Coordinator reported", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const { id } = await jobAt(writer, pipelineId, scheduling);
    const report = (outcome: Parameters<typeof recordJobOutcome>[2]) =>
      writer.transaction((transaction) => recordJobOutcome(transaction, id, outcome));
    const first = { status: "failure", reason: "step_failed", message: "It failed." } as const;
    expect((await report(first)).outcome).toEqual(first);
    expect((await report({ status: "success" })).outcome).toEqual(first);
  });

  it("refuse an outcome that comes after the end", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const { id } = await jobAt(writer, pipelineId, scheduling, failed);
    await expect(
      writer.transaction((transaction) => recordJobOutcome(transaction, id, { status: "success" })),
    ).rejects.toMatchObject({ code: "job_not_active" });
  });

  it("explain why a job waits, if it is as expected", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const { id, version } = await jobAt(writer, pipelineId);
    const explain = (request: { message: string; expectedVersion?: number }) =>
      writer.transaction((transaction) => explainJob(transaction, { jobId: id, ...request }));
    const explained = await explain({ message: "Waits for job 3.", expectedVersion: version });
    expect(explained?.job).toMatchObject({ message: "Waits for job 3.", version: version + 1 });
    expect(await explain({ message: "Waits for job 4.", expectedVersion: version })).toBeUndefined();
    expect((await explain({ message: "Waits for job 3." }))?.job.version, "nothing changed").toBe(version + 1);
  });

  it("are not found for a job that is not there", async () => {
    const { writer } = await openTestDatabase();
    expect(() => writer.read((transaction) => getJob(transaction, newId()))).toThrow("There is no job");
  });
});
