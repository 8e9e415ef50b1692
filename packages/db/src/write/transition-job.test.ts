import { newId } from "@danube/kit";
import { type JobStatus, isFinal, JobStatus as Statuses } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import { sqlBuilder } from "../sql/builder.ts";
import { applyPipelines, failed, jobAt, newJob, openTestDatabase } from "../test-database.ts";
import { createJob } from "./create-job.ts";
import { findJobByToken, getJob, setJobToken } from "./jobs.ts";
import { type JobTransition, requestCancellation, transitionJob } from "./transition-job.ts";

const scheduling = { status: "scheduling" } as const;
const running = { status: "running" } as const;
const success = { status: "success" } as const;
const timeout: JobTransition = { status: "timeout", reason: "timeout", message: "It took longer than 1 h." };
const cancelled: JobTransition = { status: "cancelled", reason: "cancelled_by_user", message: "Ada cancelled it." };

const waysTo: Record<JobStatus, JobTransition[]> = {
  pending: [],
  scheduling: [scheduling],
  running: [scheduling, running],
  success: [scheduling, running, success],
  failure: [scheduling, running, failed],
  timeout: [scheduling, running, timeout],
  cancelled: [scheduling, running, cancelled],
};
const allowed: Record<JobStatus, readonly JobStatus[]> = {
  pending: ["scheduling", "failure", "timeout", "cancelled"],
  scheduling: ["running", "failure", "timeout", "cancelled"],
  running: ["success", "failure", "timeout", "cancelled"],
  success: [],
  failure: [],
  timeout: [],
  cancelled: [],
};
const steps: Record<JobTransition["status"], JobTransition> = {
  scheduling,
  running,
  success,
  failure: failed,
  timeout,
  cancelled,
};

describe("transitionJob", () => {
  it("goes exactly the ways there are, and changes nothing on any other", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    for (const from of Statuses.options) {
      for (const to of Object.values(steps)) {
        const job = await jobAt(writer, pipelineId, ...waysTo[from]);
        const result = await writer.transaction((transaction) => transitionJob(transaction, { jobId: job.id, to }));
        const expected = allowed[from].includes(to.status);
        expect(result.changed, `${from} to ${to.status}`).toBe(expected);
        expect(result.record.job.status).toBe(expected ? to.status : from);
        expect(result.record.job.version).toBe(expected ? job.version + 1 : job.version);
      }
    }
  });

  it("records when each thing happened, and why", async () => {
    const { writer, clock } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const { id } = await jobAt(writer, pipelineId);
    for (const to of [scheduling, running, failed]) {
      clock.setTime(new Date(clock.now().getTime() + 1_000));
      await writer.transaction((transaction) => transitionJob(transaction, { jobId: id, to }));
    }
    expect(writer.read((transaction) => getJob(transaction, id)).job).toMatchObject({
      status: "failure",
      reason: "step_failed",
      message: 'Step "test" failed.',
      createdAt: "2026-01-01T00:00:00.000Z",
      queuedAt: "2026-01-01T00:00:01.000Z",
      startedAt: "2026-01-01T00:00:02.000Z",
      finishedAt: "2026-01-01T00:00:03.000Z",
    });
  });

  it("does nothing when the version or the status is not the expected one", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const { id, version } = await jobAt(writer, pipelineId);
    const attempt = (request: object) =>
      writer.transaction((transaction) => transitionJob(transaction, { jobId: id, to: scheduling, ...request }));
    expect((await attempt({ expectedVersion: version + 1 })).changed).toBe(false);
    expect((await attempt({ expectedStatuses: ["running"] })).changed).toBe(false);
    expect((await attempt({ expectedVersion: version, expectedStatuses: ["pending"] })).changed).toBe(true);
    expect((await attempt({ expectedVersion: version })).changed).toBe(false);
  });

  it("forgets the token with the job's end", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const { id } = await jobAt(writer, pipelineId, scheduling, running);
    const token = "ab".repeat(32);
    await writer.transaction((transaction) => setJobToken(transaction, id, token));
    expect(writer.read((transaction) => findJobByToken(transaction, token))?.job.id).toBe(id);
    await writer.transaction((transaction) => transitionJob(transaction, { jobId: id, to: success }));
    expect(writer.read((transaction) => findJobByToken(transaction, token))).toBeUndefined();
    await expect(writer.transaction((transaction) => setJobToken(transaction, id, token))).rejects.toMatchObject({
      code: "job_not_active",
    });
  });
});

describe("the database itself", () => {
  it("refuses every change of a final status, whatever the code asks for", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    for (const from of Statuses.options.filter(isFinal)) {
      const job = await jobAt(writer, pipelineId, ...waysTo[from]);
      const change = (fields: object) =>
        writer.transaction((transaction) =>
          transaction.run(
            sqlBuilder
              .updateTable("jobs")
              .set({ ...fields, version: job.version + 1 })
              .where("id", "=", job.id)
              .compile(),
          ),
        );
      const refused = { code: "conflict", message: expect.stringContaining("a final state of a job never changes") };
      for (const status of Statuses.options.filter((other) => other !== from)) {
        await expect(change({ status }), `${from} to ${status}`).rejects.toMatchObject(refused);
      }
      await expect(change({ status: "running", finished_at: null, reason: null })).rejects.toMatchObject(refused);
      await expect(change({ message: "something else" })).rejects.toMatchObject(refused);
      expect(writer.read((transaction) => getJob(transaction, job.id)).job).toEqual(job);
    }
  });

  it("refuses a job that begins or jumps to success, an unknown status, and an end without its reason", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const job = await jobAt(writer, pipelineId, scheduling);
    const change = (fields: object) =>
      writer.transaction((transaction) =>
        transaction.run(
          sqlBuilder
            .updateTable("jobs")
            .set({ ...fields, version: job.version + 1 })
            .where("id", "=", job.id)
            .compile(),
        ),
      );
    const at = "2026-01-01T00:00:00.000Z";
    await expect(change({ status: "success", finished_at: at })).rejects.toThrow("a job goes from pending");
    await expect(change({ status: "pending" })).rejects.toThrow("a job goes from pending");
    await expect(change({ status: "done" })).rejects.toThrow("a job goes from pending");
    await expect(change({ status: "failure", finished_at: at })).rejects.toThrow("CHECK");
    await expect(change({ status: "failure", reason: "step_failed", finished_at: at })).rejects.toThrow("CHECK");
    expect(writer.read((transaction) => getJob(transaction, job.id)).job).toEqual(job);
    const copy = (status: JobStatus) =>
      writer.transaction((transaction) => {
        const row = transaction.first(sqlBuilder.selectFrom("jobs").selectAll().where("id", "=", job.id).compile());
        if (!row) throw new Error("The job is gone.");
        const fields = { ...row, id: newId(), number: 99, status, finished_at: at };
        transaction.run(sqlBuilder.insertInto("jobs").values(fields).compile());
      });
    await expect(copy("success")).rejects.toThrow("a job begins as pending or scheduling");
  });
});

describe("requestCancellation", () => {
  const wish = { reason: "superseded", message: "A newer commit came." } as const;

  it("ends a pending job at once", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const { id } = await jobAt(writer, pipelineId);
    const result = await writer.transaction((transaction) => requestCancellation(transaction, { jobId: id, ...wish }));
    expect(result.outcome).toBe("cancelled");
    expect(result.record.job).toMatchObject({ status: "cancelled", ...wish });
  });

  it("leaves a wish on a job that is further, and keeps the first one", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const { id } = await jobAt(writer, pipelineId, scheduling);
    const cancel = (request: Partial<typeof wish> | object = {}) =>
      writer.transaction((transaction) => requestCancellation(transaction, { jobId: id, ...wish, ...request }));
    expect((await cancel()).outcome).toBe("requested");
    const second = await cancel({ reason: "cancelled_by_user", message: "Ada cancelled it." });
    expect(second.outcome).toBe("already_requested");
    expect(second.record.job.status).toBe("scheduling");
    expect(second.record.cancellation).toEqual({ ...wish, requestedAt: "2026-01-01T00:00:00.000Z" });
  });

  it("leaves a final job as it is", async () => {
    const { writer } = await openTestDatabase();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const job = await jobAt(writer, pipelineId, scheduling, running, success);
    const result = await writer.transaction((transaction) =>
      requestCancellation(transaction, { jobId: job.id, ...wish }),
    );
    expect(result).toMatchObject({ outcome: "already_final", record: { job } });
  });

  it("does not find what is not there", async () => {
    const { writer } = await openTestDatabase();
    await expect(
      writer.transaction((transaction) => requestCancellation(transaction, { jobId: newId(), ...wish })),
    ).rejects.toMatchObject({ code: "not_found" });
    await expect(writer.transaction((transaction) => createJob(transaction, newJob(newId())))).rejects.toMatchObject({
      code: "not_found",
    });
  });
});
