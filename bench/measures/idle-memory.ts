// P8: the resident memory of an idle `danube up`.
import { spawn } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { type Measure, residentMiB } from "../measure.ts";
import { startPipelineBench } from "../pipeline-bench.ts";

export const idleMemory: Measure = async () => {
  const bench = await startPipelineBench({ noop: `export default async ({ step }) => { await step.run("true"); };\n` });
  try {
    await wait(10_000); // idle is what is measured
    const idle = await residentMiB(bench.danube.process.pid);
    await bench.runOnce("noop");
    await wait(10_000);
    const afterJob = await residentMiB(bench.danube.process.pid);
    const floor = await floorMiB();
    return [
      {
        id: "P8",
        what: "idle memory of `danube up` (and after a job)",
        goal: "≤ 120 MiB",
        measured: `${idle.toFixed(0)} MiB (${afterJob.toFixed(0)} MiB)`,
        floor: `${floor.toFixed(0)} MiB (an empty node)`,
        met: idle <= 120,
        numbers: { idleMiB: idle, afterJobMiB: afterJob, floorMiB: floor },
      },
    ];
  } finally {
    await bench.danube.stop();
  }
};

async function floorMiB(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await wait(1_000);
  const memory = await residentMiB(child.pid ?? -1);
  child.kill();
  return memory;
}
