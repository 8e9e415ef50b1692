// Steps over real RPC, with a Coordinator that the test plays and a driver that runs nothing.
import { rm, truncate } from "node:fs/promises";
import path from "node:path";
import { newId } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import { describe, expect, test } from "vitest";
import { eventually, Harness } from "../testing/control-plane-harness.ts";

const interrupted = () => new DanubeError("exec_interrupted", "The exec stream broke.");
const success = { phase: "finished", outcome: { status: "success" } } as const;

async function stepsOf(harness: Harness, jobId: string) {
  return (await harness.app.queries.listSteps({ jobId })).steps;
}

describe("run-step", () => {
  test("a broken connection loses and repeats nothing", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const text = Array.from({ length: 50 }, (_, line) => `line ${line}\n`).join("");
    const stepId = newId();
    for (let cut = 0; cut < text.length; cut += 97) {
      const step = coordinator.openStep({ stepId, sequence: 1 });
      const { offsets } = await step.next("accepted");
      expect(offsets.output).toBeLessThanOrEqual(cut);
      await step.output(offsets.output, text.slice(offsets.output, cut + 97));
      if (cut % 2 === 0) await step.next("ack");
      step.close();
    }
    const last = coordinator.openStep({ stepId, sequence: 1 });
    const { offsets } = await last.next("accepted");
    await last.output(offsets.output, text.slice(offsets.output));
    await last.exit(3, { output: text.length });
    expect((await last.next("result")).result).toMatchObject({ status: "failure", exitCode: 3 });
    expect(await harness.log(job.id)).toBe(text);
    expect(harness.driver.launches).toHaveLength(1);
  });

  test("what is acknowledged is in the log file", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    await step.output(0, "first line\n");
    expect((await step.next("ack")).offsets).toEqual({ output: 11, stdout: 0 });
    expect(await harness.log(job.id)).toBe("first line\n");
  });

  test("a death of the control plane in the middle of a step is invisible: same bytes, same exit code, one execution", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const before = await coordinator.runStep();
    await before.output(0, "before\n");
    await before.next("ack");
    await harness.restart();
    await coordinator.attach();
    const after = coordinator.openStep({ stepId: before.stepId, sequence: 1 });
    expect((await after.next("accepted")).offsets).toEqual({ output: 7, stdout: 0 });
    await after.output(7, "after\n");
    await after.exit(0, { output: 13 });
    expect((await after.next("result")).result).toMatchObject({ status: "success", exitCode: 0 });
    await coordinator.client.reportStatus(success);
    expect(await harness.job(job.id)).toMatchObject({ status: "success" });
    expect(await harness.log(job.id)).toBe("before\nafter\n");
    expect(harness.driver.launches).toHaveLength(1);
  });

  test("a step that has ended tells its result again, also after a restart", async () => {
    await using harness = await Harness.start();
    const { coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    const first = await step.finish("text\n", 7);
    const replay = async () => {
      const again = coordinator.openStep({ stepId: step.stepId, sequence: 1 });
      expect((await again.next("accepted")).offsets.output).toBe(5);
      return (await again.next("result")).result;
    };
    expect(await replay()).toEqual(first);
    await harness.restart();
    expect(await replay()).toMatchObject({ status: "failure", exitCode: 7, message: first.message });
    expect(harness.driver.launches).toHaveLength(1);
  });

  test("a step id stands for one command of one job", async () => {
    await using harness = await Harness.start();
    const one = await harness.startJob();
    const two = await harness.startJob();
    const step = await one.coordinator.runStep();
    const other = one.coordinator.openStep({ stepId: step.stepId, command: { shell: "rm -rf /" } });
    await expect(other.next("accepted")).rejects.toMatchObject({ code: "idempotency_mismatch" });

    const foreign = two.coordinator.openStep({ stepId: step.stepId, sequence: 1 });
    await expect(foreign.finish("x", 0)).rejects.toMatchObject({ code: expect.any(String) });
    expect(await stepsOf(harness, one.job.id)).toMatchObject([{ status: "running" }]);
    expect(await step.finish("mine\n", 0)).toMatchObject({ status: "success" });
  });

  test("a newer connection of a step takes over from the older one", async () => {
    await using harness = await Harness.start();
    const { coordinator } = await harness.startJob();
    const older = await coordinator.runStep();
    const waiting = older.next("result");
    const newer = coordinator.openStep({ stepId: older.stepId, sequence: 1 });
    await newer.next("accepted");
    await expect(waiting).rejects.toMatchObject({ code: "conflict" });
    expect(await newer.finish("x\n", 0)).toMatchObject({ status: "success" });
  });

  test("a launch whose fate is not known is asked for again, and runs once", async () => {
    await using harness = await Harness.start();
    const { coordinator } = await harness.startJob();
    harness.driver.failNext("exec", interrupted(), "after");
    harness.driver.failNext("exec", interrupted(), "before");
    const step = coordinator.openStep();
    const accepted = step.next("accepted");
    await eventually(() => harness.driver.launches.length === 1);
    await harness.clock.advance(250);
    await harness.clock.advance(500);
    await accepted;
    expect(harness.driver.launches).toHaveLength(1);
    expect(await step.finish("x\n", 0)).toMatchObject({ status: "success" });
  });

  test("a step waits for its sandbox to be ready", async () => {
    await using harness = await Harness.start({ driver: { readyByItself: false } });
    const { job, coordinator } = await harness.startJob();
    const step = coordinator.openStep();
    const accepted = step.next("accepted");
    await eventually(async () => (await stepsOf(harness, job.id)).length === 1);
    harness.driver.ready(job.id);
    await accepted;
    expect(await step.finish("", 0)).toMatchObject({ status: "success" });
  });

  test("captured output goes to the log beside the rest, and only where it was asked for", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep({ capture: true });
    await step.output(0, "v24\n", "stdout");
    await step.output(0, "warning\n");
    await step.exit(0, { output: 8, stdout: 4 });
    expect((await step.next("result")).result).toMatchObject({ status: "success" });
    expect((await harness.log(job.id)).split("\n").toSorted()).toEqual(["", "v24", "warning"]);

    const plain = await coordinator.runStep();
    await plain.output(0, "x", "stdout");
    await expect(plain.next("result")).rejects.toMatchObject({ code: "protocol_violation" });
  });

  test("an end that counts bytes which never came is refused, and can be told rightly after it", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    await step.output(0, "half");
    await step.exit(0, { output: 8 });
    await expect(step.next("result")).rejects.toMatchObject({ code: "protocol_violation" });
    const again = coordinator.openStep({ stepId: step.stepId, sequence: 1 });
    const { offsets } = await again.next("accepted");
    await again.output(offsets.output, "halfdone".slice(offsets.output));
    await again.exit(0, { output: 8 });
    expect((await again.next("result")).result).toMatchObject({ status: "success" });
    expect(await harness.log(job.id)).toBe("halfdone\n");
  });

  test("a named worker gets the command and its own environment; an unknown one is refused by name", async () => {
    const pipeline = { workers: { database: { env: { ROLE: "db" } } }, worker: { env: { ROLE: "main" } } };
    await using harness = await Harness.start({ pipeline });
    const { coordinator } = await harness.startJob();
    await coordinator.runStep({ worker: "database" });
    await coordinator.runStep({ worker: "worker", env: { MORE: "1" } });
    expect(harness.driver.launches[0]).toMatchObject({ worker: "database" });
    expect(harness.driver.launches[0]?.script).toContain("ROLE='db'");
    expect(harness.driver.launches[1]).toMatchObject({ worker: undefined });
    expect(harness.driver.launches[1]?.script).toContain("ROLE='main'");
    const unknown = coordinator.openStep({ worker: "nobody" });
    await expect(unknown.next("accepted")).rejects.toThrow(/no worker "nobody".*worker, database/);
  });
});

describe("a step that goes wrong on our side", () => {
  test("a process that is gone without an exit status ends the job as infra_lost within 60 s, never as success", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep({ name: "Test" });
    harness.driver.loseStep(job.id, step.stepId);
    await harness.clock.advance(60_000);
    expect(await harness.ended(job.id)).toMatchObject({
      status: "failure",
      reason: "infra_lost",
      message: expect.stringContaining('"Test"'),
    });
    expect(await stepsOf(harness, job.id)).toMatchObject([{ status: "lost" }]);
    await harness.gone(job.id);
  });

  test("a step that is silent for an hour goes on", async () => {
    await using harness = await Harness.start({ pipeline: { max_duration_seconds: 7_200 } });
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    harness.driver.failNext("exec", interrupted());
    await harness.clock.advance(3_600_000);
    expect(await harness.job(job.id)).toMatchObject({ status: "running" });
    expect(await step.finish("at last\n", 0)).toMatchObject({ status: "success" });
  });

  test("a sandbox that vanishes ends the job as infra_lost", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    await coordinator.runStep();
    harness.driver.failNext("exec", new DanubeError("sandbox_missing", "The job has no sandbox."));
    await harness.clock.advance(20_000);
    expect(await harness.ended(job.id)).toMatchObject({ status: "failure", reason: "infra_lost" });
  });

  test.each([
    ["that is gone", async (file: string) => await rm(file)],
    ["that lost its end", async (file: string) => await truncate(file, 3)],
  ])("a log %s ends the job as infra_lost: its output was acknowledged", async (_what, harm) => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const idle = await harness.startJob();
    for (const one of [coordinator, idle.coordinator])
      expect(await (await one.runStep()).finish("stored\n", 0)).toMatchObject({ status: "success" });
    await harness.restart(async () => {
      for (const id of [job.id, idle.job.id])
        for (const ending of ["log", "idx"]) await harm(path.join(harness.dataDirectory, "logs", `${id}.${ending}`));
    });
    // One goes on with another step, the other one ends.
    await expect(coordinator.openStep().next("accepted")).rejects.toMatchObject({ code: expect.any(String) });
    await idle.coordinator.client.reportStatus(success);
    for (const id of [job.id, idle.job.id])
      expect(await harness.ended(id)).toMatchObject({ status: "failure", reason: "infra_lost" });
  });

  test("a launch that can't ever work ends the job as infra_lost and says why", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    harness.driver.failNext("exec", new DanubeError("internal", "The launcher is not executable."));
    await expect(coordinator.openStep({ name: "Test" }).next("accepted")).rejects.toMatchObject({
      code: expect.any(String),
    });
    expect(await harness.ended(job.id)).toMatchObject({
      reason: "infra_lost",
      message: expect.stringMatching(/"Test" could not be launched: The launcher is not executable/),
    });
  });
});

describe("a step's time", () => {
  test("a command that takes too long is told to end, and an exit code 0 after that is no success", async () => {
    await using harness = await Harness.start({ driver: { obeys: () => false } });
    const { coordinator } = await harness.startJob();
    const step = await coordinator.runStep({ timeoutMs: 5_000 });
    await harness.clock.advance(4_999);
    expect(harness.driver.signals).toEqual([]);
    await harness.clock.advance(1);
    await eventually(() => harness.driver.signals.length === 1);
    expect(harness.driver.signals).toMatchObject([{ stepId: step.stepId, signal: "TERM" }]);
    expect(await step.finish("", 0)).toMatchObject({
      status: "timeout",
      exitCode: 0,
      message: expect.stringContaining("5 s"),
    });
  });

  test("a command that ignores SIGTERM gets SIGKILL after the grace; one that obeyed does not", async () => {
    await using harness = await Harness.start({ driver: { obeys: ({ signal }) => signal === "KILL" } });
    const { job, coordinator } = await harness.startJob();
    await coordinator.runStep({ timeoutMs: 1_000 });
    await harness.clock.advance(1_000);
    await eventually(() => harness.driver.signals.length === 1);
    await harness.clock.advance(9_999);
    expect(harness.driver.signals).toHaveLength(1);
    await harness.clock.advance(1);
    await eventually(() => harness.driver.signals.length === 2);
    expect(harness.driver.signals[1]).toMatchObject({ signal: "KILL" });

    const obedient = await coordinator.runStep({ timeoutMs: 1_000 });
    await harness.clock.advance(1_000);
    await eventually(() => harness.driver.signals.length === 3);
    expect(await obedient.finish("", 143)).toMatchObject({ status: "timeout", exitCode: 143 });
    await harness.clock.advance(30_000);
    expect(harness.driver.signals).toHaveLength(3);
    expect(await harness.job(job.id)).toMatchObject({ status: "running" });
  });

  test("goes on through a restart, whatever the wall clock does; the signal is not forgotten either", async () => {
    await using harness = await Harness.start({ driver: { obeys: () => false } });
    const { coordinator } = await harness.startJob();
    const step = await coordinator.runStep({ timeoutMs: 60_000 });
    await harness.clock.advance(30_000);
    await harness.restart(() => harness.clock.setTime("2030-01-01T00:00:00Z"));
    expect(harness.driver.signals).toEqual([]);
    await harness.clock.advance(29_000);
    expect(harness.driver.signals).toEqual([]);
    await harness.clock.advance(1_000);
    await eventually(() => harness.driver.signals.length === 1);
    await harness.restart();
    const again = coordinator.openStep({ stepId: step.stepId, sequence: 1, timeoutMs: 60_000 });
    await again.next("accepted");
    expect(await again.finish("", 0)).toMatchObject({ status: "timeout" });
  });

  test("does not run while the launch is uncertain", async () => {
    await using harness = await Harness.start();
    const { coordinator } = await harness.startJob();
    for (let tries = 0; tries < 6; tries += 1) harness.driver.failNext("exec", interrupted());
    const step = coordinator.openStep({ timeoutMs: 10_000 });
    const accepted = step.next("accepted");
    await harness.clock.untilTimers(3);
    let isAccepted = false;
    const noteAccepted = async (): Promise<void> => {
      await accepted;
      isAccepted = true;
    };
    void noteAccepted();
    // However long the pauses between the tries are: more of them than the step's own time go by.
    const waits = () => !isAccepted;
    while (waits()) await harness.clock.advance(500);
    expect(harness.driver.signals).toEqual([]);
    expect(await step.finish("", 0)).toMatchObject({ status: "success" });
  });
});

describe("a pipeline that ends before its steps", () => {
  test("fails, with the name of the step that was not awaited", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    await coordinator.runStep({ name: "npm test" });
    await coordinator.client.reportStatus(success);
    expect(await harness.job(job.id)).toMatchObject({
      status: "failure",
      reason: "pipeline_error",
      message: expect.stringContaining('"npm test"'),
    });
    expect(await stepsOf(harness, job.id)).toMatchObject([{ status: "cancelled" }]);
    await harness.gone(job.id);
  });

  test("groups are stored, and hold steps of their own job alone", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const group = { stepId: newId(), name: "Checks", sequence: 1 };
    await coordinator.client.reportGroup({ ...group, status: "running" });
    const step = await coordinator.runStep({ parentId: group.stepId, sequence: 2 });
    await step.finish("", 0);
    await coordinator.client.reportGroup({ ...group, status: "success" });
    await coordinator.client.reportGroup({ ...group, status: "success" });
    expect(await stepsOf(harness, job.id)).toMatchObject([
      { id: group.stepId, kind: "group", status: "success" },
      { parentId: group.stepId, kind: "command", status: "success" },
    ]);
    const other = await harness.startJob();
    const foreign = other.coordinator.openStep({ parentId: group.stepId });
    await expect(foreign.next("accepted")).rejects.toMatchObject({ code: "not_found" });
  });
});
