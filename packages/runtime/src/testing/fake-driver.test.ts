import { DanubeError, PipelineSpec } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import type { SandboxSpec } from "../driver.ts";
import { describeDriverContract } from "./driver-contract.ts";
import { newTestId } from "./driver-harness.ts";
import { createFakeDriver, type FakeLaunch } from "./fake-driver.ts";

const pipeline = PipelineSpec.parse({ repository: "https://example.com/repository.git" });

function newSpec(): SandboxSpec {
  return {
    jobId: newTestId(),
    pipelineName: "pipeline",
    worker: pipeline.worker,
    workers: {},
    services: {},
    workspaceSizeGb: 1,
    maxDurationSeconds: 60,
    token: "token",
    rpcUrl: "http://127.0.0.1:9000",
  };
}

function runExit({ script }: FakeLaunch): number | undefined {
  const match = /^danube_command='exit (\d+)'$/m.exec(script);
  return match ? Number(match[1]) : undefined;
}

describeDriverContract("fake", {
  runsCommands: false,
  async makeHarness() {
    const first = createFakeDriver({ run: runExit });
    let driver = first;
    return {
      driver: first,
      runsCommands: false,
      spec: newSpec,
      async restart() {
        driver = driver.restart();
        return driver;
      },
      async readStepFile(jobId, stepId) {
        const probe = await driver.exec(jobId, undefined, { verb: "probe", stepId });
        return probe.state === "exited" ? Buffer.from(`exit ${probe.exitCode}\n`) : undefined;
      },
      async endCoordinator(jobId) {
        driver.endSandbox(jobId);
      },
      async leftovers(jobId) {
        return [...driver.specs.keys()].filter((key) => key === jobId);
      },
      async close() {
        await driver.stop();
      },
    };
  },
});

describe("the fake driver's strictness", () => {
  async function startWithSandbox(options: Parameters<typeof createFakeDriver>[0] = {}) {
    const driver = createFakeDriver(options);
    await driver.start();
    const spec = newSpec();
    await driver.createSandbox(spec);
    const launch = (stepId: string, script = "true", worker?: string) =>
      driver.exec(spec.jobId, worker, { verb: "launch", stepId, capture: false, script: Buffer.from(script) });
    return { driver, jobId: spec.jobId, launch };
  }
  const violation = { code: "protocol_violation" };

  it("refuses to be used before start and after stop", async () => {
    const driver = createFakeDriver();
    await expect(driver.listSandboxes()).rejects.toMatchObject(violation);
    await driver.start();
    await expect(driver.start()).rejects.toMatchObject(violation);
    await driver.stop();
    await expect(driver.createSandbox(newSpec())).rejects.toMatchObject(violation);
  });

  it("refuses a launch before the sandbox is ready, in an unknown worker, and of another script for the same step", async () => {
    const { driver, jobId, launch } = await startWithSandbox({ readyByItself: false });
    const stepId = newTestId();
    await expect(launch(stepId)).rejects.toMatchObject(violation);
    driver.ready(jobId);
    await expect(launch(stepId, "true", "other")).rejects.toMatchObject(violation);
    await launch(stepId);
    await expect(launch(stepId, "false")).rejects.toMatchObject(violation);
    expect(driver.launches).toHaveLength(1);
  });

  it("lets a call fail before it did anything, or after", async () => {
    const { driver, launch } = await startWithSandbox();
    const error = new DanubeError("exec_interrupted", "cut");
    driver.failNext("exec", error);
    await expect(launch(newTestId())).rejects.toBe(error);
    expect(driver.launches).toHaveLength(0);
    const stepId = newTestId();
    driver.failNext("exec", error, "after");
    await expect(launch(stepId)).rejects.toBe(error);
    expect(driver.launches.map((it) => it.stepId)).toEqual([stepId]);
    expect(await launch(stepId)).toEqual({ state: "running" });
  });

  it("ends, loses and signals steps as it is told", async () => {
    const { driver, jobId, launch } = await startWithSandbox({ obeys: ({ signal }) => signal === "KILL" });
    const stepId = newTestId();
    await launch(stepId);
    const signal = (name: "TERM" | "KILL") => driver.exec(jobId, undefined, { verb: "signal", stepId, signal: name });
    expect(await signal("TERM")).toEqual({ state: "running" });
    expect(await signal("KILL")).toEqual({ state: "exited", exitCode: 137 });
    expect(driver.signals.map((it) => it.signal)).toEqual(["TERM", "KILL"]);
    const other = newTestId();
    await launch(other);
    driver.loseStep(jobId, other);
    expect(await driver.exec(jobId, undefined, { verb: "probe", stepId: other })).toEqual({ state: "dead" });
    expect(() => driver.exitStep(jobId, other, 0)).toThrow(/does not run/);
  });
});
