// P4: no-op jobs with one step each, from the first webhook to the last job's end.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { deliver, type GitRepository, githubPush, webhookSecret } from "@danube/e2e/harness";
import { isFinal } from "@danube/protocol";
import type { Measure } from "../measure.ts";
import { startPipelineBench } from "../pipeline-bench.ts";

const jobs = 120;
const script = `export default async ({ step }) => { await step.run("true"); };\n`;

export const jobsPerSecond: Measure = async (note) => {
  const bench = await startPipelineBench({ noop: script }, { config: { concurrency: { max_jobs: 8 } } });
  try {
    const repository = bench.repositories["noop"] as GitRepository;
    await bench.runOnce("noop");
    const shas = Array.from({ length: jobs }, (_, index) => repository.push({ "count.txt": `job ${index}` }));
    const start = performance.now();
    await Promise.all(shas.map((sha) => deliver(bench.danube.url, githubPush(repository, webhookSecret, { sha }))));
    const last = shas.length + 1;
    const done = new Set<string>();
    await bench.danube.api.jobWhere((job) => {
      if (isFinal(job.status)) done.add(job.id);
      return done.size >= last;
    }, 300_000);
    const seconds = (performance.now() - start) / 1_000;
    const failed = (await bench.danube.api.jobs("noop")).filter((job) => job.status !== "success");
    if (failed.length > 0) throw new Error(`${failed.length} jobs failed, such as: ${failed[0]?.message}`);
    const rate = jobs / seconds;
    const floor = await floorRate();
    note(`P4: ${jobs} jobs in ${seconds.toFixed(1)} s`);
    return [
      {
        id: "P4",
        what: "no-op jobs per second, one step each, local",
        goal: "≥ 60 /s",
        measured: `${rate.toFixed(1)} /s`,
        floor: `${floor.toFixed(0)} /s (an empty node each, two at a time)`,
        met: rate >= 60,
        numbers: { jobsPerSecond: rate, floorPerSecond: floor },
      },
    ];
  } finally {
    await bench.danube.stop();
  }
};

async function floorRate(): Promise<number> {
  let left = 60;
  const start = performance.now();
  const lane = async () => {
    while (left-- > 0) await once(spawn(process.execPath, ["-e", ""], { stdio: "ignore" }), "close");
  };
  await Promise.all([lane(), lane()]);
  return 60 / ((performance.now() - start) / 1_000);
}
