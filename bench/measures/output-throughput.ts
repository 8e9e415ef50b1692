// P5: how fast a step's output reaches the log file with masking on, and how much memory that takes.
import { execFileSync } from "node:child_process";
import { mkdtempSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Measure, median, residentMiB, watchResidentMiB } from "../measure.ts";
import { startPipelineBench } from "../pipeline-bench.ts";

const sizeMiB = 512;

export const outputThroughput: Measure = async (note) => {
  const directory = mkdtempSync(join(tmpdir(), "danube-bench-output-"));
  const file = join(directory, "output.txt");
  writeFileSync(file, buildOutput(sizeMiB * 1024 * 1024));
  const bench = await startPipelineBench({
    output: `export default async ({ step }) => { await step.run("cat ${file}"); };\n`,
  });
  try {
    for (const index of [1, 2, 3, 4, 5])
      await bench.danube.api.setSecret(`SECRET_${index}`, `value-${index}-${"k9Xz".repeat(6)}`);
    await bench.runOnce("output");
    const before = await residentMiB(bench.danube.process.pid);
    const watch = watchResidentMiB(bench.danube.process.pid);
    const rates: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const { job } = await bench.runOnce("output");
      const [step] = (await bench.danube.api.job(job.id)).steps;
      const loggedBytes = (step?.logOffsetEnd ?? 0) - (step?.logOffsetStart ?? 0);
      if (loggedBytes !== statSync(file).size)
        throw new Error(`the log has ${loggedBytes} bytes of ${statSync(file).size}`);
      rates.push(
        (sizeMiB * 1.048576) / ((Date.parse(step?.finishedAt ?? "") - Date.parse(step?.startedAt ?? "")) / 1_000),
      );
    }
    const peak = watch.stop();
    const rate = median(rates);
    const floor = floorRate(file, directory);
    note(`P5: ${rates.map((value) => value.toFixed(0)).join(" ")} MB/s; ${before.toFixed(0)} → ${peak.toFixed(0)} MiB`);
    return [
      {
        id: "P5",
        what: "step output to log file, masking on; memory growth",
        goal: "≥ 170 MB/s, ≤ 32 MiB",
        measured: `${rate.toFixed(0)} MB/s, ${(peak - before).toFixed(0)} MiB`,
        floor: `${floor.toFixed(0)} MB/s (cat to a file)`,
        met: rate >= 170 && peak - before <= 32,
        numbers: { megabytesPerSecond: rate, growthMiB: peak - before, floorMegabytesPerSecond: floor },
      },
    ];
  } finally {
    await bench.danube.stop();
  }
};

function floorRate(file: string, directory: string): number {
  const rates = Array.from({ length: 3 }, () => {
    const start = performance.now();
    execFileSync("/bin/sh", ["-c", `cat ${file} > ${join(directory, "copy")}`]);
    return (sizeMiB * 1.048576) / ((performance.now() - start) / 1_000);
  });
  return median(rates);
}

/** Text like a compiler's: words, paths, numbers, a colour now and then. */
function buildOutput(sizeBytes: number): string {
  const lines = Array.from({ length: 2_000 }, (_, index) =>
    index % 17 === 0
      ? `\u001b[32m✓\u001b[39m src/module-${index}/part-${index % 23}.test.ts (${index % 7} tests) ${index % 311} ms`
      : `[${index}] compiling src/module-${index % 97}/file-${index % 131}.ts -> dist/module-${index % 97}/file-${index % 131}.js (${(index * 7919) % 65_537} bytes)`,
  );
  const block = `${lines.join("\n")}\n`;
  const blockBytes = Buffer.byteLength(block);
  return block.repeat(Math.ceil(sizeBytes / blockBytes));
}
