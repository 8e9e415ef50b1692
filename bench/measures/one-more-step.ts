// P3: what one more no-op step costs, logged and durable.
import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Measure, median, ms } from "../measure.ts";
import { startPipelineBench } from "../pipeline-bench.ts";

const steps = 200;
const script = `export default async ({ step }) => {
  await step.run("true");
  const start = performance.now();
  for (let i = 0; i < ${steps}; i += 1) await step.run("true");
  console.log("ms:", (performance.now() - start) / ${steps});
};\n`;

export const oneMoreStep: Measure = async () => {
  const bench = await startPipelineBench({ steps: script });
  try {
    const times: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { job } = await bench.runOnce("steps");
      times.push(Number(/ms: ([\d.]+)/.exec((await bench.danube.api.log(job.id)).toString())?.[1]));
    }
    const perStep = median(times);
    const floor = floorMs();
    return [
      {
        id: "P3",
        what: "one more no-op step, logged and durable, local",
        goal: "≤ 4 ms",
        measured: ms(perStep),
        floor: `${ms(floor)} (spawn sh, append, fdatasync)`,
        met: perStep <= 4,
        numbers: { perStepMs: perStep, floorMs: floor },
      },
    ];
  } finally {
    await bench.danube.stop();
  }
};

function floorMs(): number {
  const file = openSync(join(mkdtempSync(join(tmpdir(), "danube-floor-")), "log"), "a");
  const times = Array.from({ length: 100 }, () => {
    const start = performance.now();
    execFileSync("/bin/sh", ["-c", "true"]);
    writeSync(file, "a line\n");
    fdatasyncSync(file);
    return performance.now() - start;
  });
  closeSync(file);
  return median(times);
}
