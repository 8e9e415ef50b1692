// Database, sandboxes and Coordinators after this process was away.
import { newId } from "@danube/kit";
import { DanubeError, type PipelineSpec } from "@danube/protocol";
import { describe, expect, test } from "vitest";
import { eventually, Harness } from "../testing/control-plane-harness.ts";

const worker: PipelineSpec["worker"] = { image: "x", env: {}, run_as: "non_root" };
const foreignSpec = {
  jobId: newId(),
  pipelineName: "gone",
  worker,
  workers: {},
  services: {},
  workspaceSizeGb: 1,
  maxDurationSeconds: 1,
  token: "t",
  rpcUrl: "http://127.0.0.1:1",
};

describe("after a restart", () => {
  test("a job that was admitted and has no sandbox is begun again, with a token of its own", async () => {
    await using harness = await Harness.start();
    harness.driver.failNext("createSandbox", new DanubeError("unavailable", "Not now."));
    const job = await harness.createJob();
    await harness.restart();
    const coordinator = await harness.connect(job.id);
    await coordinator.attach();
    await coordinator.client.reportStatus({ phase: "running" });
    expect(await harness.job(job.id)).toMatchObject({ status: "running" });
  });

  test("a job whose sandbox was made but whose Coordinator has not called keeps sandbox and token", async () => {
    await using harness = await Harness.start();
    const job = await harness.createJob();
    const coordinator = await harness.connect(job.id);
    await harness.restart();
    await coordinator.attach();
    expect(coordinator.heard[0]).toMatchObject({ context: { jobId: job.id } });
    expect(harness.driver.specs.size).toBe(1);
  });

  test("a job that ran and whose sandbox is gone ends as infra_lost", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    await coordinator.runStep();
    await harness.restart(async () => {
      // What deletes it while we are away is not us.
      const cleaner = harness.driver.restart();
      await cleaner.start();
      await cleaner.deleteSandbox(job.id, { graceMs: 0 });
      harness.driver = cleaner.restart();
    });
    expect(await harness.ended(job.id)).toMatchObject({ status: "failure", reason: "infra_lost" });
    expect((await harness.app.queries.listSteps({ jobId: job.id })).steps).toMatchObject([{ status: "lost" }]);
  });

  test("a job whose Coordinator ended meanwhile ends with the driver's reason", async () => {
    await using harness = await Harness.start();
    const { job } = await harness.startJob();
    await harness.restart(() => harness.driver.endSandbox(job.id, { reason: "oom_killed", message: "Out of memory." }));
    expect(await harness.ended(job.id)).toMatchObject({ status: "failure", reason: "oom_killed" });
    await harness.gone(job.id);
  });

  test("sandboxes of jobs that have ended, or that nobody knows, are deleted", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    harness.driver.failNext("deleteSandbox", new DanubeError("unavailable", "Later."));
    await coordinator.client.reportStatus({ phase: "finished", outcome: { status: "success" } });
    await harness.restart(async () => {
      const other = harness.driver.restart();
      await other.start();
      await other.createSandbox(foreignSpec);
      harness.driver = other.restart();
    });
    await eventually(() => harness.driver.specs.size === 0);
    expect(await harness.job(job.id)).toMatchObject({ status: "success" });
  });

  test("a runtime that can't be asked fails no job", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    await harness.restart(() => {
      for (let tries = 0; tries < 5; tries += 1) {
        harness.driver.failNext("listSandboxes", new DanubeError("unavailable", "The API server is away."));
      }
    });
    const again = coordinator.openStep({ stepId: step.stepId, sequence: 1 });
    await again.next("accepted");
    await harness.clock.advance(300_000);
    expect(await again.finish("still here\n", 0)).toMatchObject({ status: "success" });
    await coordinator.client.reportStatus({ phase: "finished", outcome: { status: "success" } });
    expect(await harness.job(job.id)).toMatchObject({ status: "success" });
  });
});

describe("a Coordinator that is away", () => {
  test("may come back after half an hour as long as its sandbox is there", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    coordinator.detach();
    await harness.clock.advance(1_800_000);
    await coordinator.attach();
    expect(await harness.job(job.id)).toMatchObject({ status: "running" });
  });

  test("is found to be lost within 60 s when its sandbox is gone without a word", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    // Gone behind the driver's back: it neither deleted it nor saw it end.
    harness.driver.listSandboxes = () => Promise.resolve([]);
    coordinator.detach();
    await harness.clock.advance(60_000);
    expect(await harness.ended(job.id)).toMatchObject({ status: "failure", reason: "infra_lost" });
  });
});
