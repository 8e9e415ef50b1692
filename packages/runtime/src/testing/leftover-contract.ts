// What becomes of processes that a step leaves behind: the part of the drivers' contract about the end of a sandbox.
import { stepFileNames } from "@danube/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RuntimeDriver, StepProbe } from "../driver.ts";
import { type DriverHarness, eventually, launch, recordObservations, waitForEnd } from "./driver-harness.ts";

/** Declares the suite; part of `describeDriverContract`. */
export function describeLeftoverContract(makeHarness: () => Promise<DriverHarness>): void {
  let harness: DriverHarness;
  let driver: RuntimeDriver;
  let jobId: string;
  beforeEach(async () => {
    harness = await makeHarness();
    driver = harness.driver;
    const observations = recordObservations(driver);
    await driver.start();
    const spec = harness.spec();
    jobId = spec.jobId;
    await driver.createSandbox(spec);
    await observations.waitFor(jobId, "ready");
  });
  afterEach(async () => {
    await harness.close();
  });

  async function run(command: string): Promise<StepProbe> {
    const { stepId } = await launch(driver, jobId, command);
    return await waitForEnd(driver, jobId, stepId);
  }

  async function readOutput(stepId: string): Promise<string | undefined> {
    return (await harness.readStepFile(jobId, stepId, stepFileNames.output))?.toString();
  }

  describe("processes left behind", () => {
    it("do not hold up the end of the step, live on for later steps, and die with the sandbox", async () => {
      // The job's id is in all their command lines, so that a harness can look for them in another way than a driver does.
      const beat = (file: string) => `: ${jobId}; while echo beat >> ${file}; do sleep 0.05; done`;
      const ways = [
        `(${beat("plain")}) &`,
        `nohup sh -c '${beat("nohup")}' &`,
        `setsid sh -c '${beat("setsid")}' &`,
        `(setsid sh -c '(${beat("twice")}) & exit' &)`,
        `env -i PATH="$PATH" setsid sh -c '${beat("bare")}' >/dev/null 2>&1 &`,
        `(trap '' TERM; setsid sh -c '${beat("stubborn")}') &`,
        `(cd / && exec setsid sh -c '${beat("$DANUBE_WORKSPACE/away")}' >/dev/null 2>&1) &`,
      ];
      expect(await run(ways.join("\n"))).toEqual({ state: "exited", exitCode: 0 });
      const alive =
        "for f in plain nohup setsid twice bare stubborn away; do : > $f; until [ -s $f ]; do sleep 0.02; done; done";
      expect(await run(alive)).toEqual({ state: "exited", exitCode: 0 });
      await driver.deleteSandbox(jobId, { graceMs: 0 });
      expect(await harness.leftovers(jobId)).toEqual([]);
    });

    it("die even when they keep starting each other", async () => {
      // Bounded, should the driver fail: by a file that vanishes with the workspace.
      const respawner = `[ -e going ] || exit; setsid sh respawn.sh ${jobId} >/dev/null 2>&1 & sleep 0.01`;
      await run(
        `cat > respawn.sh <<'END'\n${respawner}\nEND\ntouch going; for i in 1 2 3 4; do sh respawn.sh ${jobId} & done`,
      );
      await driver.deleteSandbox(jobId, { graceMs: 0 });
      expect(await harness.leftovers(jobId)).toEqual([]);
    });

    it("get SIGTERM first when there is a grace, and are gone when it is over", async () => {
      const { stepId } = await launch(driver, jobId, "trap '' TERM; echo up; while :; do sleep 0.05; done");
      await eventually(async () => (await readOutput(stepId)) || undefined, "the command's first line");
      await driver.deleteSandbox(jobId, { graceMs: 200 });
      expect(await harness.leftovers(jobId)).toEqual([]);
    });
  });
}
