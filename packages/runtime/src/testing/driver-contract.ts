// The contract of driver.ts as tests, for every driver. Sandboxes first, then, if the driver runs commands, what commands
// meet and leave (command-contract.ts, leftover-contract.ts).
import { stepFileNames } from "@danube/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LauncherCommand } from "../driver.ts";
import { describeCommandContract } from "./command-contract.ts";
import { type DriverHarness, launch, newTestId, recordObservations, waitForEnd } from "./driver-harness.ts";
import { describeLeftoverContract } from "./leftover-contract.ts";

export interface DriverContractOptions {
  readonly makeHarness: () => Promise<DriverHarness>;
  /** Must be what the harness says. */
  readonly runsCommands: boolean;
  /** Whether the tests of commands share one sandbox, because making one takes long; by default each has its own. */
  readonly sharesSandbox?: boolean;
}

/** Declares the suite. `makeHarness` is called for each test, but once for those that share a sandbox. */
export function describeDriverContract(
  name: string,
  { makeHarness, runsCommands, sharesSandbox = false }: DriverContractOptions,
): void {
  describe(`${name} driver`, () => {
    describeSandboxContract(makeHarness);
    if (!runsCommands) return;
    describeCommandContract(makeHarness, sharesSandbox);
    describeLeftoverContract(makeHarness);
  });
}

function describeSandboxContract(makeHarness: () => Promise<DriverHarness>): void {
  let harness: DriverHarness;
  beforeEach(async () => {
    harness = await makeHarness();
  });
  afterEach(async () => {
    await harness.close();
  });

  async function startWithSandbox() {
    const { driver } = harness;
    const observations = recordObservations(driver);
    await driver.start();
    const spec = harness.spec();
    await driver.createSandbox(spec);
    await observations.waitFor(spec.jobId, "ready");
    return { driver, observations, jobId: spec.jobId, spec };
  }

  it("reports a sandbox as starting, then as ready", async () => {
    const { driver, observations, jobId } = await startWithSandbox();
    const phases = observations.of(jobId).map(({ phase }) => phase);
    // It may say several times why it is not ready yet.
    expect(phases.filter((phase, i) => phase !== phases[i - 1])).toEqual(["starting", "ready"]);
    expect(await driver.listSandboxes()).toEqual([{ jobId, phase: "ready" }]);
  });

  it("makes one sandbox of a job, however often and however many at once ask for it", async () => {
    const { driver, observations, jobId, spec } = await startWithSandbox();
    const { stepId } = await launch(driver, jobId, "exit 3");
    await Promise.all(Array.from({ length: 20 }, () => driver.createSandbox(spec)));
    expect(await driver.listSandboxes()).toEqual([{ jobId, phase: "ready" }]);
    expect(await waitForEnd(driver, jobId, stepId)).toEqual({ state: "exited", exitCode: 3 });

    const other = harness.spec();
    await Promise.all(Array.from({ length: 20 }, () => driver.createSandbox(other)));
    await observations.waitFor(other.jobId, "ready");
    expect(observations.of(other.jobId).filter(({ phase }) => phase === "ready")).toHaveLength(1);
    expect(await driver.listSandboxes()).toHaveLength(2);
  });

  it("keeps jobs apart", async () => {
    const { driver, observations, jobId } = await startWithSandbox();
    const other = harness.spec();
    await driver.createSandbox(other);
    await observations.waitFor(other.jobId, "ready");
    const stepId = newTestId();
    await launch(driver, jobId, "exit 3", { stepId });
    expect(await driver.exec(other.jobId, undefined, { verb: "probe", stepId })).toEqual({ state: "absent" });
    await launch(driver, other.jobId, "exit 4", { stepId });
    expect(await waitForEnd(driver, jobId, stepId)).toEqual({ state: "exited", exitCode: 3 });
    expect(await waitForEnd(driver, other.jobId, stepId)).toEqual({ state: "exited", exitCode: 4 });
    await driver.deleteSandbox(jobId, { graceMs: 0 });
    expect(await driver.listSandboxes()).toEqual([{ jobId: other.jobId, phase: "ready" }]);
    expect(await waitForEnd(driver, other.jobId, stepId)).toEqual({ state: "exited", exitCode: 4 });
  });

  it("tells a step's state: absent, running, exited", async () => {
    const { driver, jobId } = await startWithSandbox();
    const stepId = newTestId();
    expect(await driver.exec(jobId, undefined, { verb: "probe", stepId })).toEqual({ state: "absent" });
    expect(await driver.exec(jobId, undefined, { verb: "signal", stepId, signal: "TERM" })).toEqual({
      state: "absent",
    });
    expect((await launch(driver, jobId, "sleep 600", { stepId })).probe).toEqual({ state: "running" });
    expect(await driver.exec(jobId, undefined, { verb: "probe", stepId })).toEqual({ state: "running" });
    await driver.exec(jobId, undefined, { verb: "signal", stepId, signal: "KILL" });
    expect(await waitForEnd(driver, jobId, stepId)).toEqual({ state: "exited", exitCode: 137 });
    expect(await driver.exec(jobId, undefined, { verb: "signal", stepId, signal: "KILL" })).toEqual({
      state: "exited",
      exitCode: 137,
    });
  });

  it.each([
    ["TERM", 143],
    ["KILL", 137],
    ["INT", 130],
  ] as const)("ends a command by SIG%s with exit code %i", async (signal, exitCode) => {
    const { driver, jobId } = await startWithSandbox();
    const { stepId } = await launch(driver, jobId, "sleep 600");
    await driver.exec(jobId, undefined, { verb: "signal", stepId, signal });
    expect(await waitForEnd(driver, jobId, stepId)).toEqual({ state: "exited", exitCode });
  });

  it("launches a step once, however often it is asked", async () => {
    const { driver, jobId } = await startWithSandbox();
    const { stepId } = await launch(driver, jobId, "exit 5");
    expect(await waitForEnd(driver, jobId, stepId)).toEqual({ state: "exited", exitCode: 5 });
    expect((await launch(driver, jobId, "exit 5", { stepId })).probe).toEqual({ state: "exited", exitCode: 5 });
  });

  it.each<LauncherCommand["verb"]>(["launch", "signal", "probe"])(
    "rejects to %s where no sandbox is, or none any more",
    async (verb) => {
      const { driver, jobId } = await startWithSandbox();
      const { stepId } = await launch(driver, jobId, "exit 0");
      const command: LauncherCommand =
        verb === "launch"
          ? { verb, stepId, capture: false, script: Buffer.from("exit 0\n") }
          : verb === "signal"
            ? { verb, stepId, signal: "TERM" }
            : { verb, stepId };
      await driver.deleteSandbox(jobId, { graceMs: 0 });
      await expect(driver.exec(jobId, undefined, command)).rejects.toMatchObject({ code: "sandbox_missing" });
      await expect(driver.exec(newTestId(), undefined, command)).rejects.toMatchObject({ code: "sandbox_missing" });
    },
  );

  it("deletes everything, reports the end, and does not mind to be asked again or for nothing", async () => {
    const { driver, observations, jobId } = await startWithSandbox();
    await launch(driver, jobId, "sleep 600");
    await Promise.all([1, 2, 3].map(() => driver.deleteSandbox(jobId, { graceMs: 0 })));
    expect(await harness.leftovers(jobId)).toEqual([]);
    expect(await driver.listSandboxes()).toEqual([]);
    await observations.waitFor(jobId, "ended");
    await driver.deleteSandbox(jobId, { graceMs: 0 });
    await driver.deleteSandbox(newTestId(), { graceMs: 1_000 });
    expect(observations.of(jobId).filter(({ phase }) => phase === "ended")).toHaveLength(1);
  });

  it("reports the end when the Coordinator ends, and begins nothing more", async () => {
    const { driver, observations, jobId } = await startWithSandbox();
    const { stepId } = await launch(driver, jobId, "exit 6");
    await waitForEnd(driver, jobId, stepId);
    await harness.endCoordinator(jobId);
    const ended = await observations.waitFor(jobId, "ended");
    expect(ended.message).not.toBe("");
    expect(await driver.listSandboxes()).toEqual([ended]);
    await expect(launch(driver, jobId, "exit 0")).rejects.toMatchObject({ code: "sandbox_missing" });
    expect(await driver.exec(jobId, undefined, { verb: "probe", stepId })).toEqual({ state: "exited", exitCode: 6 });
    await driver.deleteSandbox(jobId, { graceMs: 0 });
    expect(await harness.leftovers(jobId)).toEqual([]);
  });

  it("finds the sandboxes of a driver that was lost, with all their steps", async () => {
    const { jobId, spec, driver: lost } = await startWithSandbox();
    const ended = await launch(lost, jobId, "exit 9");
    await waitForEnd(lost, jobId, ended.stepId);
    const going = await launch(lost, jobId, "sleep 600");

    const driver = await harness.restart();
    const observations = recordObservations(driver);
    await driver.start();
    await observations.waitFor(jobId, "ready");
    expect(await driver.listSandboxes()).toEqual([{ jobId, phase: "ready" }]);
    await driver.createSandbox(spec);
    const probe = (stepId: string) => driver.exec(jobId, undefined, { verb: "probe", stepId });
    expect(await probe(ended.stepId)).toEqual({ state: "exited", exitCode: 9 });
    expect(await probe(going.stepId)).toEqual({ state: "running" });
    expect((await launch(driver, jobId, "sleep 600", { stepId: going.stepId })).probe).toEqual({ state: "running" });
    await driver.exec(jobId, undefined, { verb: "signal", stepId: going.stepId, signal: "TERM" });
    expect(await waitForEnd(driver, jobId, going.stepId)).toEqual({ state: "exited", exitCode: 143 });

    await harness.endCoordinator(jobId);
    await observations.waitFor(jobId, "ended");
    await driver.deleteSandbox(jobId, { graceMs: 0 });
    expect(await harness.leftovers(jobId)).toEqual([]);
  });

  it("reports what ended while no driver looked", async () => {
    const { jobId } = await startWithSandbox();
    const driver = await harness.restart();
    await harness.endCoordinator(jobId);
    const observations = recordObservations(driver);
    await driver.start();
    await observations.waitFor(jobId, "ended");
    await driver.deleteSandbox(jobId, { graceMs: 0 });
    expect(await harness.leftovers(jobId)).toEqual([]);
  });

  it("has recorded the exit of a step once it tells of it", async () => {
    const { driver, jobId } = await startWithSandbox();
    const { stepId } = await launch(driver, jobId, "exit 8");
    await waitForEnd(driver, jobId, stepId);
    const exit = await harness.readStepFile(jobId, stepId, stepFileNames.exit);
    expect(exit?.toString()).toBe("exit 8\n");
  });

  it("is fit for work", async () => {
    await harness.driver.start();
    expect(await harness.driver.check()).toMatchObject({ ok: true });
  });
}
