// How jobs end: cancelled in every phase, too slow, lost; whatever happens, with a reason and with nothing left.
import { DanubeError } from "@danube/protocol";
import { describe, expect, test } from "vitest";
import { eventually, Harness } from "../testing/control-plane-harness.ts";

const actor = { subject: "ann" };
const cancelled = { status: "cancelled", reason: "cancelled_by_user", message: "Cancelled by ann." } as const;
const success = { phase: "finished", outcome: { status: "success" } } as const;
const stopped = { phase: "finished", outcome: { status: "cancelled" } } as const;
const cancel = (harness: Harness, jobId: string) => harness.app.commands.cancelJob({ jobId, actor });

describe("cancelling a job", () => {
  test("that waits ends it at once", async () => {
    await using harness = await Harness.start();
    const job = await harness.createJob({}, { admit: false });
    expect((await cancel(harness, job.id)).job).toMatchObject(cancelled);
    expect((await cancel(harness, job.id)).job).toMatchObject(cancelled);
    expect(harness.driver.specs.size).toBe(0);
  });

  test("whose sandbox is being made ends it at once, and deletes what comes about after that", async () => {
    await using harness = await Harness.start();
    // The driver made it, but says that it does not know: it is asked again, and meanwhile the job is cancelled.
    harness.driver.failNext("createSandbox", new DanubeError("unavailable", "Who knows."), "after");
    const job = await harness.createJob();
    await eventually(() => harness.driver.specs.has(job.id));
    expect((await cancel(harness, job.id)).job).toMatchObject(cancelled);
    await harness.goneInTime(job.id);
  });

  test("whose commit is being looked for ends it at once", async () => {
    await using harness = await Harness.start();
    const job = await harness.createJob({ commitSha: undefined });
    expect((await cancel(harness, job.id)).job).toMatchObject(cancelled);
    await harness.app.released(job.id);
    await harness.clock.advance(60_000);
    expect(harness.driver.specs.size).toBe(0);
  });

  test("whose Coordinator checks out ends it at once: there is no `finally` to wait for", async () => {
    await using harness = await Harness.start();
    const job = await harness.createJob();
    const coordinator = await harness.connect(job.id);
    await coordinator.attach();
    expect((await cancel(harness, job.id)).job).toMatchObject(cancelled);
    await harness.gone(job.id);
  });

  test("signals a command that was asked for before its pipeline knew, and leaves those of `finally` blocks alone", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    await cancel(harness, job.id);
    const late = await coordinator.runStep();
    await eventually(() => harness.driver.signals.length === 1);
    expect(await late.finish("", 143)).toMatchObject({ status: "cancelled" });
    const cleanUp = await coordinator.runStep({ sequence: 2, afterCancel: true });
    expect(await cleanUp.finish("cleaned up\n", 0)).toMatchObject({ status: "success" });
    expect(harness.driver.signals).toHaveLength(1);
    await coordinator.client.reportStatus(stopped);
    expect(await harness.ended(job.id)).toMatchObject(cancelled);
  });

  test("that runs tells its Coordinator and signals its commands; `finally` blocks run; then it is over", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    expect((await cancel(harness, job.id)).job).toMatchObject({ status: "running" });
    let isReleased = false;
    const released = harness.app.released(job.id).then(() => (isReleased = true));
    await eventually(() => coordinator.heard.some((event) => event.type === "cancel"));
    expect(coordinator.heard.at(-1)).toMatchObject({ reason: "cancelled_by_user", message: "Cancelled by ann." });
    await eventually(() => harness.driver.signals.length === 1);
    expect(await step.finish("interrupted\n", 143)).toMatchObject({ status: "cancelled", exitCode: 143 });
    expect(isReleased).toBe(false);
    const cleanup = await coordinator.runStep({ name: "Clean up", afterCancel: true });
    expect(await cleanup.finish("clean\n", 0)).toMatchObject({ status: "success" });
    await coordinator.client.reportStatus(stopped);
    expect(await harness.job(job.id)).toMatchObject(cancelled);
    expect(await harness.log(job.id)).toBe("interrupted\nclean\n");
    await released;
    await harness.gone(job.id);
  });

  test("that does not react is over within grace + 10 s", async () => {
    await using harness = await Harness.start({ driver: { obeys: () => false } });
    const { job, coordinator } = await harness.startJob();
    await coordinator.runStep();
    await cancel(harness, job.id);
    await harness.clock.advance(10_000);
    await eventually(() => harness.driver.signals.length === 2);
    expect(harness.driver.signals.map(({ signal }) => signal)).toEqual(["TERM", "KILL"]);
    expect(await harness.job(job.id)).toMatchObject({ status: "running" });
    await harness.clock.advance(10_000);
    expect(await harness.ended(job.id)).toMatchObject(cancelled);
    await harness.gone(job.id);
  });

  test("is not forgotten by a restart: the grace goes on, and the Coordinator is told when it comes back", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    await cancel(harness, job.id);
    await harness.clock.advance(9_000);
    await harness.restart();
    await coordinator.attach();
    await eventually(() => coordinator.heard.some((event) => event.type === "cancel"));
    await harness.clock.advance(5_999);
    expect(await harness.job(job.id)).toMatchObject({ status: "running" });
    await harness.clock.advance(1);
    expect(await harness.ended(job.id)).toMatchObject(cancelled);
  });

  test("while it reports its end has one outcome, and a success stays one", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const [, { job: after }] = await Promise.all([coordinator.client.reportStatus(success), cancel(harness, job.id)]);
    const ended = await harness.ended(job.id);
    expect(["success", "cancelled"]).toContain(ended.status);
    if (after.finishedAt !== undefined) expect(ended).toEqual(after);
    expect((await cancel(harness, job.id)).job.status).toBe(ended.status);
  });

  test("wins over a success that is reported after it", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    await cancel(harness, job.id);
    await coordinator.client.reportStatus(success);
    expect(await harness.job(job.id)).toMatchObject(cancelled);
  });

  test("whose sandbox can't be deleted yet goes on trying", async () => {
    await using harness = await Harness.start();
    const { job } = await harness.startJob();
    for (let tries = 0; tries < 3; tries += 1) {
      harness.driver.failNext("deleteSandbox", new DanubeError("unavailable", "The API server is away."));
    }
    await cancel(harness, job.id);
    await harness.clock.advance(15_000);
    await harness.goneInTime(job.id);
    expect(await harness.job(job.id)).toMatchObject(cancelled);
  });
});

describe("a job's time", () => {
  test("is measured from its start: too long is a timeout, with the grace of a cancellation", async () => {
    await using harness = await Harness.start({ pipeline: { max_duration_seconds: 60 } });
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    await harness.clock.advance(59_999);
    expect(harness.driver.signals).toEqual([]);
    await harness.clock.advance(1);
    await eventually(() => harness.driver.signals.length === 1);
    await eventually(() => coordinator.heard.some((event) => event.type === "cancel"));
    expect(await step.finish("", 0)).toMatchObject({ status: "timeout" });
    await coordinator.client.reportStatus(stopped);
    expect(await harness.job(job.id)).toMatchObject({
      status: "timeout",
      reason: "timeout",
      message: expect.stringContaining("60 s"),
    });
  });

  test("goes on through a restart, and a jump of the wall clock neither ends nor prolongs it", async () => {
    await using harness = await Harness.start({ pipeline: { max_duration_seconds: 60 } });
    const { job, coordinator } = await harness.startJob();
    await harness.clock.advance(30_000);
    await harness.restart(() => harness.clock.setTime("2031-01-01T00:00:00Z"));
    await coordinator.attach();
    await harness.clock.advance(29_000);
    harness.clock.setTime("2019-01-01T00:00:00Z");
    expect(coordinator.heard.filter((event) => event.type === "cancel")).toEqual([]);
    await harness.clock.advance(1_000);
    await eventually(() => coordinator.heard.some((event) => event.type === "cancel"));
    await harness.clock.advance(15_000);
    expect(await harness.ended(job.id)).toMatchObject({ status: "timeout" });
  });

  test("to its Coordinator's call is limited too, and the end says what was last heard of the sandbox", async () => {
    await using harness = await Harness.start({
      driver: { readyByItself: false },
      config: { timings: { startDeadlineMs: 120_000 } },
    });
    const job = await harness.createJob();
    await eventually(() => harness.driver.specs.has(job.id));
    harness.driver.waitFor(job.id, "The image is being pulled.");
    await harness.clock.advance(119_999);
    expect(await harness.job(job.id)).toMatchObject({ status: "scheduling" });
    await harness.clock.advance(1);
    expect(await harness.ended(job.id)).toMatchObject({
      status: "failure",
      reason: "infra_lost",
      message: expect.stringContaining("The image is being pulled."),
    });
    await harness.gone(job.id);
  });
});

describe("a job that is lost", () => {
  test("because its Coordinator ended without a report is infra_lost", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    harness.driver.endSandbox(job.id);
    expect(await harness.ended(job.id)).toMatchObject({
      status: "failure",
      reason: "infra_lost",
      message: expect.stringContaining("without reporting a result"),
    });
    await expect(step.next("result")).rejects.toMatchObject({ code: expect.any(String) });
    await harness.gone(job.id);
  });

  test("has the driver's reason when it has one", async () => {
    await using harness = await Harness.start();
    for (const reason of ["oom_killed", "evicted", "image_pull", "unschedulable"] as const) {
      const { job } = await harness.startJob();
      harness.driver.endSandbox(job.id, { reason, message: "The node said so." });
      expect(await harness.ended(job.id)).toMatchObject({ status: "failure", reason, message: "The node said so." });
    }
  });

  test("after its report keeps what was reported", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    harness.driver.failNext("deleteSandbox", new DanubeError("unavailable", "Later."));
    await coordinator.client.reportStatus(success);
    await coordinator.client.reportStatus(success);
    harness.driver.endSandbox(job.id, { reason: "evicted", message: "Too late." });
    await harness.goneInTime(job.id);
    expect(await harness.job(job.id)).toMatchObject({ status: "success" });
  });

  test("because its sandbox can't be made says why", async () => {
    await using harness = await Harness.start();
    harness.driver.failNext("createSandbox", new DanubeError("sandbox_failed", "The quota is used up."));
    const job = await harness.createJob();
    expect(await harness.ended(job.id)).toMatchObject({
      reason: "infra_lost",
      message: expect.stringContaining("The quota is used up."),
    });
  });

  test("is tried again as often as its pipeline says, as a new attempt of the same number; a cancelled one is not", async () => {
    await using harness = await Harness.start({ pipeline: { retry: { attempts: 1 } } });
    const { job } = await harness.startJob();
    harness.driver.endSandbox(job.id, { reason: "evicted", message: "The node is drained." });
    await harness.ended(job.id);
    const { jobs } = await harness.app.queries.listActiveJobs({});
    expect(jobs).toMatchObject([
      { status: "pending", attempt: 2, number: job.number, parentJobId: job.id, trigger: job.trigger },
    ]);
    const [second] = jobs;
    const { id = "", version = 0 } = second ?? {};
    await harness.app.commands.admitJob({ jobId: id, expectedVersion: version });
    await harness.connect(id);
    harness.driver.endSandbox(id, { reason: "evicted", message: "Again." });
    await harness.ended(id);
    expect((await harness.app.queries.listActiveJobs({})).jobs).toEqual([]);

    const third = await harness.startJob();
    await cancel(harness, third.job.id);
    await third.coordinator.client.reportStatus(stopped);
    expect((await harness.app.queries.listActiveJobs({})).jobs).toEqual([]);
  });
});

describe("a pipeline's own failure", () => {
  test("keeps its reason and its sentence, with secrets masked", async () => {
    await using harness = await Harness.start();
    await harness.app.commands.setSecret({ name: "TOKEN", pipelineName: "app", value: "hunter2!", actor });
    const { job, coordinator } = await harness.startJob();
    const message = "danubefile.ts:3: the server did not like hunter2!.";
    await coordinator.client.reportStatus({
      phase: "finished",
      outcome: { status: "failure", reason: "pipeline_error", message },
    });
    expect(await harness.job(job.id)).toMatchObject({
      status: "failure",
      reason: "pipeline_error",
      message: "danubefile.ts:3: the server did not like ***.",
    });
  });

  test("tells no secret either when a runtime repeats the Coordinator's last words", async () => {
    await using harness = await Harness.start();
    await harness.app.commands.setSecret({ name: "TOKEN", pipelineName: "app", value: "hunter2!", actor });
    const { job } = await harness.startJob();
    harness.driver.endSandbox(job.id, { message: "The Coordinator ended with exit code 1: Error: hunter2!" });
    expect(await harness.ended(job.id)).toMatchObject({
      reason: "infra_lost",
      message: expect.stringMatching(/exit code 1: Error: \*\*\*$/),
    });
    expect(await harness.everything()).not.toContain("hunter2");
  });

  test("is told in a sentence, however long a hostile pipeline makes it", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const outcome = { status: "failure", reason: "pipeline_error", message: "😀".repeat(500_000) } as const;
    await coordinator.client.reportStatus({ phase: "finished", outcome });
    const { message = "" } = await harness.job(job.id);
    expect(message).toHaveLength(4_000);
    expect(message.isWellFormed()).toBe(true);
  });

  test("before it runs is a failure; a success before it runs is refused", async () => {
    await using harness = await Harness.start();
    const job = await harness.createJob();
    const coordinator = await harness.connect(job.id);
    await coordinator.attach();
    await expect(coordinator.client.reportStatus(success)).rejects.toMatchObject({ code: "protocol_violation" });
    const outcome = { status: "failure", reason: "pipeline_error", message: "danubefile.ts:1: syntax error." } as const;
    await coordinator.client.reportStatus({ phase: "finished", outcome });
    expect(await harness.job(job.id)).toMatchObject({ status: "failure", reason: "pipeline_error" });
  });
});
