import { newId } from "@danube/kit";
import { describe, expect, test } from "vitest";
import { commitSha, Harness } from "./testing/control-plane-harness.ts";

describe("the life of a job", () => {
  test("from its trigger to its end: one command, its log, its result, and nothing left", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    expect(job).toMatchObject({ status: "running", number: 1, attempt: 1 });
    expect(coordinator.heard).toMatchObject([
      {
        type: "context",
        context: { jobId: job.id, checkout: { commitSha }, script: "danubefile.ts", workers: ["worker"] },
      },
    ]);

    const step = await coordinator.runStep({ name: "Install", command: { shell: "npm ci" }, env: { A: "it's" } });
    expect(harness.driver.launches).toHaveLength(1);
    expect(harness.driver.launches[0]?.script).toContain(`export A='it'\\''s'`);
    expect(await step.finish("added 3 packages\n", 0)).toMatchObject({ status: "success", exitCode: 0 });

    await coordinator.client.reportStatus({ phase: "finished", outcome: { status: "success" } });
    expect(await harness.job(job.id)).toMatchObject({ status: "success" });
    expect(await harness.log(job.id)).toBe("added 3 packages\n");
    const { steps } = await harness.app.queries.listSteps({ jobId: job.id });
    expect(steps).toMatchObject([
      { name: "Install", status: "success", exitCode: 0, logOffsetStart: 0, logOffsetEnd: 17, sequence: 1 },
    ]);
    await harness.gone(job.id);
    await expect(coordinator.client.getSecret({ name: "X" }, { deadlineMs: 1_000 })).rejects.toMatchObject({
      code: "unauthenticated",
    });
  });

  test("a job that waits is admitted once, at the version that was seen", async () => {
    await using harness = await Harness.start();
    const job = await harness.createJob({}, { admit: false, message: "Another one runs." });
    expect(job).toMatchObject({ status: "pending", message: "Another one runs." });
    const { admitJob, explainPending } = harness.app.commands;
    await explainPending({ jobId: job.id, expectedVersion: job.version, message: "Two others run." });
    expect(await admitJob({ jobId: job.id, expectedVersion: job.version })).toEqual({ admitted: false });
    expect(await admitJob({ jobId: job.id, expectedVersion: job.version + 1 })).toEqual({ admitted: true });
    expect(await admitJob({ jobId: job.id, expectedVersion: job.version + 1 })).toEqual({ admitted: false });
    await harness.connect(job.id);
    expect(await harness.job(job.id)).toMatchObject({ status: "scheduling" });
  });

  test("deciding a trigger twice makes its jobs once; newer jobs cancel what they supersede", async () => {
    await using harness = await Harness.start();
    const older = await harness.createJob({}, { admit: false });
    const newer = await harness.createJob({}, { supersedes: [older.id] });
    expect(await harness.job(older.id)).toMatchObject({ status: "cancelled", reason: "superseded" });
    const triggerId = newer.trigger.triggerId ?? newId();
    const again = await harness.app.commands.decideTrigger({ triggerId, outcome: "Again.", jobs: [] });
    expect(again).toMatchObject({ alreadyDecided: true, jobs: [{ id: newer.id }] });
  });
});
