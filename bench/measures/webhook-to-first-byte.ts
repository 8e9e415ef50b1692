// P1: from an accepted webhook to the first command, and what Node, git and a shell alone need for the same.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GitRepository } from "@danube/e2e/harness";
import { type Measure, type Measurement, median, ms } from "../measure.ts";
import { startPipelineBench } from "../pipeline-bench.ts";

const rounds = 20;
const script = `export default async ({ step }) => { await step.run("date +%s%N"); };\n`;

export const webhookToFirstByte: Measure = async (note) => [
  await measure(note, "cold", "webhook accepted to first command, local, cold", 100, {}),
  await measure(note, "prepared", "the same with a prepared sandbox", 10, { DANUBE_RUNTIME_PREPARED_SANDBOXES: "2" }),
];

async function measure(
  note: (text: string) => void,
  name: string,
  what: string,
  goalMs: number,
  env: Readonly<Record<string, string>>,
): Promise<Measurement> {
  const bench = await startPipelineBench({ first: script }, { env });
  try {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const { job, acceptedAt } = await bench.runOnce("first");
      const printed = /^\d{19}$/m.exec((await bench.danube.api.log(job.id)).toString())?.[0];
      const startedAt = Number(printed) / 1e6;
      if (round > 1) times.push(startedAt - acceptedAt); // the first ones fill the caches of disk and compiler
    }
    const floor = floorMs(bench.repositories["first"] as GitRepository);
    const p50 = median(times);
    note(`P1 ${name}: ${times.map((time) => time.toFixed(0)).join(" ")}`);
    return {
      id: "P1",
      what,
      goal: `p50 ≤ ${goalMs} ms`,
      measured: ms(p50),
      floor: `${ms(floor)} (node, git fetch, sh)`,
      met: p50 <= goalMs,
      numbers: { p50Ms: p50, maxMs: Math.max(...times), floorMs: floor },
    };
  } finally {
    await bench.danube.stop();
  }
}

/** A new Node process, a shallow fetch with checkout, and a shell: one after the other, with nothing in between. */
function floorMs(repository: GitRepository): number {
  const times: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    const directory = mkdtempSync(join(tmpdir(), "danube-floor-"));
    const start = performance.now();
    execFileSync(process.execPath, ["-e", ""]);
    execFileSync("git", ["clone", "-q", "--depth", "1", repository.url, join(directory, "w")]);
    execFileSync("/bin/sh", ["-c", "date +%s%N"]);
    times.push(performance.now() - start);
    rmSync(directory, { recursive: true });
  }
  return median(times);
}
