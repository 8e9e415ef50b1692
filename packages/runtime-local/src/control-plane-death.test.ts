// The death of the control plane, kill -9, while a job runs.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildStepScript } from "@danube/runtime";
import { eventually, newTestId, recordObservations, waitForEnd } from "@danube/runtime/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type LocalHarness, makeLocalHarness } from "./local-harness.ts";
import { sandboxPaths } from "./sandbox-directory.ts";

const program = join(import.meta.dirname, "fixtures", "control-plane.ts");
let harness: LocalHarness;
beforeEach(async () => {
  harness = await makeLocalHarness();
});
afterEach(async () => {
  await harness.close();
});

function startControlPlane(jobId: string, stepIds: readonly string[]) {
  const child = spawn(process.execPath, [program, harness.root, jobId, ...stepIds], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  const waitFor = (line: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (text.includes(`${line}\n`)) resolve();
      };
      child.stdout.on("data", (chunk) => {
        text += String(chunk);
        look();
      });
      child.stdout.once("close", () => reject(new Error(`"${line}" never came, only ${text}`)));
      look();
    });
  return { kill, waitFor };
}

describe("the death of the control plane", () => {
  it("does not touch a running step: same output, same exit, one execution", async () => {
    const { jobId } = harness.spec();
    const stepId = newTestId();
    const { kill, waitFor } = startControlPlane(jobId, [stepId]);
    await waitFor(stepId);
    await kill();
    const { driver } = harness;
    const observations = recordObservations(driver);
    await driver.start();
    await observations.waitFor(jobId, "ready");
    expect(await driver.exec(jobId, undefined, { verb: "probe", stepId })).toEqual({ state: "running" });
    const { workspace } = sandboxPaths(harness.root, jobId);
    writeFileSync(join(workspace, "go"), "");
    expect(await waitForEnd(driver, jobId, stepId)).toEqual({ state: "exited", exitCode: 7 });
    expect((await harness.readStepFile(jobId, stepId, "output"))?.toString()).toBe("done\n");
    expect(readFileSync(join(workspace, "runs"), "utf8")).toBe("\n");

    const began = performance.now();
    await harness.endCoordinator(jobId);
    await observations.waitFor(jobId, "ended");
    expect(performance.now() - began).toBeLessThan(1_500);
    await driver.deleteSandbox(jobId, { graceMs: 0 });
    expect(await harness.leftovers(jobId)).toEqual([]);
  });

  it("at any moment of a launch leads to one execution once it is asked again", async () => {
    const script = buildStepScript({
      command: { shell: "echo >> runs; until [ -e go ]; do sleep 0.1; done; echo done; exit 7" },
    });
    const { jobId } = harness.spec();
    const runs = join(sandboxPaths(harness.root, jobId).workspace, "runs");
    const known: string[] = [];
    for (let round = 0; round < 5; round++) {
      const stepIds = Array.from({ length: 24 }, newTestId);
      const { kill, waitFor } = startControlPlane(jobId, stepIds);
      await waitFor("made");
      // In the middle of the many launches, at another moment each time.
      await eventually(async () => {
        const begun = existsSync(runs) ? readFileSync(runs, "utf8").split("\n").length - 1 : 0;
        return begun > known.length + round * 4 ? true : undefined;
      }, "some launches");
      await kill();
      const driver = await harness.restart();
      await driver.start();
      for (const stepId of stepIds) {
        const { state } = await driver.exec(jobId, undefined, { verb: "probe", stepId });
        // The first one that is absent may be on its way: then its supervisor and ours meet.
        known.push(stepId);
        if (state === "absent") break;
      }
      for (const stepId of known) {
        const command = { verb: "launch", stepId, capture: false, script } as const;
        expect(await driver.exec(jobId, undefined, command)).toEqual({ state: "running" });
      }
      await eventually(
        async () => (readFileSync(runs, "utf8").length >= known.length ? true : undefined),
        "the launched commands",
      );
      expect(readFileSync(runs, "utf8")).toBe("\n".repeat(known.length));
    }
    const driver = await harness.restart();
    await driver.start();
    writeFileSync(join(sandboxPaths(harness.root, jobId).workspace, "go"), "");
    for (const stepId of known)
      expect(await waitForEnd(driver, jobId, stepId)).toEqual({ state: "exited", exitCode: 7 });
    expect(readFileSync(runs, "utf8")).toBe("\n".repeat(known.length));
    await driver.deleteSandbox(jobId, { graceMs: 0 });
    expect(await harness.leftovers(jobId)).toEqual([]);
  });
});
