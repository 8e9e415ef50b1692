import { newId } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { sqlBuilder } from "../sql/builder.ts";
import { applyPipelines, failed, jobAt, openTestDatabase } from "../test-database.ts";
import { findStep, finishRunningSteps, finishStep, listSteps, type NewStep, startStep } from "./steps.ts";
import type { Writer } from "./writer.ts";

const running = [{ status: "scheduling" }, { status: "running" }] as const;

async function openWithJob() {
  const { writer } = await openTestDatabase();
  const [pipelineId = ""] = await applyPipelines(writer, "app");
  return { writer, jobId: (await jobAt(writer, pipelineId, ...running)).id, pipelineId };
}

function newStep(jobId: string, fields: Partial<NewStep> = {}): NewStep {
  const command = { kind: "command", name: "npm test", commandSha256: "ab".repeat(32) } as const;
  return { id: newId(), jobId, sequence: 1, attempt: 1, soft: false, ...command, ...fields };
}

const start = (writer: Writer, step: NewStep) => writer.transaction((transaction) => startStep(transaction, step));
const finish = (writer: Writer, end: Parameters<typeof finishStep>[1]) =>
  writer.transaction((transaction) => finishStep(transaction, end));

describe("startStep", () => {
  it("begins a step once; the same id again finds it", async () => {
    const { writer, jobId } = await openWithJob();
    const step = newStep(jobId, { logOffsetStart: 12, soft: true });
    const first = await start(writer, step);
    expect(first).toEqual({
      created: true,
      step: { ...step, status: "running", startedAt: "2026-01-01T00:00:00.000Z" },
    });
    await finish(writer, { stepId: step.id, status: "failure", exitCode: 3, message: "It exited with code 3." });
    expect(await start(writer, step)).toMatchObject({ created: false, step: { status: "failure", exitCode: 3 } });
  });

  it("refuses an id that stands for something else", async () => {
    const { writer, jobId, pipelineId } = await openWithJob();
    const other = (await jobAt(writer, pipelineId, ...running)).id;
    const step = newStep(jobId);
    await start(writer, step);
    for (const change of [{ jobId: other }, { commandSha256: "cd".repeat(32) }, { sequence: 2 }, { name: "x" }]) {
      await expect(start(writer, { ...step, ...change })).rejects.toMatchObject({ code: "idempotency_mismatch" });
    }
  });

  it("refuses a step of a job that has ended, or that is not there", async () => {
    const { writer, pipelineId } = await openWithJob();
    const ended = await jobAt(writer, pipelineId, ...running, failed);
    await expect(start(writer, newStep(ended.id))).rejects.toMatchObject({ code: "job_not_active" });
    await expect(start(writer, newStep(newId()))).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("finishStep", () => {
  it("ends a running step, and never a second time", async () => {
    const { writer, jobId } = await openWithJob();
    const step = newStep(jobId, { logOffsetStart: 5 });
    await start(writer, step);
    const end = { stepId: step.id, status: "success", exitCode: 0, logOffsetEnd: 40 } as const;
    expect(await finish(writer, end)).toMatchObject({
      changed: true,
      step: { status: "success", exitCode: 0, logOffsetStart: 5, logOffsetEnd: 40 },
    });
    const second = await finish(writer, { stepId: step.id, status: "lost", message: "No exit status." });
    expect(second).toMatchObject({ changed: false, step: { status: "success", exitCode: 0 } });
    expect(second.step.message).toBeUndefined();
  });

  it("can't make a command green without an exit code of 0", async () => {
    const { writer, jobId } = await openWithJob();
    const step = newStep(jobId);
    await start(writer, step);
    await expect(finish(writer, { stepId: step.id, status: "success" })).rejects.toThrow("CHECK");
    await expect(finish(writer, { stepId: step.id, status: "success", exitCode: 1 })).rejects.toThrow("CHECK");
    expect(writer.read((transaction) => findStep(transaction, step.id))?.status).toBe("running");
  });

  it("is guarded by the database as well", async () => {
    const { writer, jobId } = await openWithJob();
    const step = newStep(jobId);
    await start(writer, step);
    await finish(writer, { stepId: step.id, status: "lost", message: "No exit status was recorded." });
    const change = writer.transaction((transaction) =>
      transaction.run(
        sqlBuilder.updateTable("steps").set({ status: "success", exit_code: 0 }).where("id", "=", step.id).compile(),
      ),
    );
    await expect(change).rejects.toThrow("the end of a step never changes");
  });
});

describe("steps of a job", () => {
  it("come in the order in which the pipeline started them", async () => {
    const { writer, jobId } = await openWithJob();
    const group = newStep(jobId, { kind: "group", name: "checks", sequence: 1, commandSha256: undefined });
    await start(writer, group);
    const third = newStep(jobId, { sequence: 3, parentId: group.id });
    const retry = newStep(jobId, { sequence: 2, attempt: 2, parentId: group.id });
    const second = newStep(jobId, { sequence: 2, parentId: group.id });
    for (const step of [third, retry, second]) await start(writer, step);
    const listed = writer.read((transaction) => listSteps(transaction, jobId));
    expect(listed.map((step) => step.id)).toEqual([group.id, second.id, retry.id, third.id]);
    expect(listed[1]?.parentId).toBe(group.id);
  });

  it("end together when the job ends under them", async () => {
    const { writer, jobId } = await openWithJob();
    const done = newStep(jobId, { sequence: 1 });
    const open = newStep(jobId, { sequence: 2 });
    for (const step of [done, open]) await start(writer, step);
    await finish(writer, { stepId: done.id, status: "success", exitCode: 0 });
    const ended = await writer.transaction((transaction) =>
      finishRunningSteps(transaction, { jobId, status: "lost", message: "The Pod is gone." }),
    );
    expect(ended.map((step) => [step.id, step.status])).toEqual([[open.id, "lost"]]);
    const statuses = writer.read((transaction) => listSteps(transaction, jobId)).map((step) => step.status);
    expect(statuses).toEqual(["success", "lost"]);
  });
});
