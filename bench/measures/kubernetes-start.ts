// P9: what a job on Kubernetes costs over what Kubernetes itself costs. Only with a test cluster (DANUBE_TEST_CLUSTER, KUBECONFIG).
import { type DanubeCluster, deliver, githubPush, startDanubeCluster, webhookSecret } from "@danube/e2e/harness";
import { openBarePods } from "../bare-pod.ts";
import { type Measure, type Measurement, median, ms } from "../measure.ts";

const rounds = 5;
const steps = 20;
const image = "debian:bookworm-slim";
const danubefile = `export default async ({ step }) => {
  await step.run("date +%s%N");
  const start = performance.now();
  for (let i = 0; i < ${steps}; i += 1) await step.run("true");
  console.log("ms:", (performance.now() - start) / ${steps});
};\n`;

interface Round {
  readonly startMs: number;
  readonly stepMs: number;
  readonly writes: number;
  readonly execs: number;
}

export const kubernetesStart: Measure = async (note) => {
  if (process.env["DANUBE_TEST_CLUSTER"] === undefined) {
    note("P9 needs a cluster: set DANUBE_TEST_CLUSTER and KUBECONFIG");
    return [];
  }
  const files = { "danubefile.ts": danubefile };
  const danube = await startDanubeCluster({
    pipelines: {
      cold: { files, spec: { worker: { image } } },
      prepared: { files, spec: { worker: { image }, workspace_size_gb: 4, warm: 1 } },
    },
  });
  const bare = await openBarePods(danube.namespaceJobs, image);
  try {
    const floors = [];
    const cold: Round[] = [];
    const prepared: Round[] = [];
    // One after the other in turn, so that the machine's moods are everybody's.
    for (let round = 0; round <= rounds; round += 1) {
      const results = [await bare.measure(), await runJob(danube, "cold"), await runJob(danube, "prepared")] as const;
      if (round === 0) continue; // fills caches
      floors.push(results[0]);
      cold.push(results[1]);
      prepared.push(results[2]);
    }
    const startFloor = median(floors.map(({ startMs }) => startMs));
    const execFloor = median(floors.map(({ execMs }) => execMs));
    note(`P9 cold: ${cold.map(({ startMs }) => startMs.toFixed(0)).join(" ")}`);
    note(`P9 prepared: ${prepared.map(({ startMs }) => startMs.toFixed(0)).join(" ")}`);
    note(`P9 bare: ${floors.map(({ startMs }) => startMs.toFixed(0)).join(" ")}`);
    return [
      toStart("Kubernetes: webhook accepted to first command", cold, startFloor),
      toStart("the same with a prepared Pod", prepared, startFloor),
      toStep([...cold, ...prepared], execFloor),
      toWrites([...cold, ...prepared]),
    ];
  } finally {
    await bare.stop();
    await danube.stop();
  }
};

async function runJob(danube: DanubeCluster, pipeline: string): Promise<Round> {
  const repository = danube.repository(pipeline);
  const sha = repository.push({ "count.txt": String(performance.now()) });
  const before = danube.kubernetes.requests.length;
  const { status } = await deliver(danube.url, githubPush(repository, webhookSecret));
  const acceptedAt = performance.timeOrigin + performance.now();
  if (status !== 202) throw new Error(`the webhook was answered with ${status}`);
  const { id } = await danube.api.jobWhere((job) => job.trigger.commitSha === sha, 120_000);
  const job = await danube.api.jobEnd(id, 120_000);
  if (job.status !== "success") throw new Error(`${pipeline} ended as ${job.status}: ${job.message}`);
  const log = (await danube.api.log(id)).toString();
  await danube.nothingLeft(id);
  const requests = danube.kubernetes.requests.slice(before);
  return {
    startMs: Number(/^\d{19}$/m.exec(log)?.[0]) / 1e6 - acceptedAt,
    stepMs: Number(/ms: ([\d.]+)/.exec(log)?.[1]),
    writes: requests.filter(({ method, path }) => method !== "GET" && !path.includes("/exec")).length,
    execs: requests.filter(({ path }) => path.includes("/exec")).length,
  };
}

function toStart(what: string, jobs: readonly Round[], floorMs: number): Measurement {
  const startMs = median(jobs.map((job) => job.startMs));
  return {
    id: "P9",
    what,
    goal: "≤ 150 ms over a bare Pod",
    measured: `${ms(startMs)} (${startMs > floorMs ? "+" : "−"}${ms(Math.abs(startMs - floorMs))})`,
    floor: `${ms(floorMs)} (a Pod with one container, to its first command)`,
    met: startMs - floorMs <= 150,
    numbers: { startMs, floorMs },
  };
}

function toStep(jobs: readonly Round[], floorMs: number): Measurement {
  const stepMs = median(jobs.map((job) => job.stepMs));
  return {
    id: "P9",
    what: "one more no-op step on Kubernetes",
    goal: "≤ 1.5 × a raw exec",
    measured: `${ms(stepMs)} (${(stepMs / floorMs).toFixed(2)} ×)`,
    floor: `${ms(floorMs)} (exec of true)`,
    met: stepMs <= 1.5 * floorMs,
    numbers: { stepMs, floorMs },
  };
}

function toWrites(jobs: readonly Round[]): Measurement {
  const writes = Math.max(...jobs.map((job) => job.writes));
  const execs = Math.max(...jobs.map((job) => job.execs));
  return {
    id: "P9",
    what: "writes to the Kubernetes API for a job, at most",
    goal: "≤ 6",
    measured: String(writes),
    floor: `beside them ${execs} execs for ${steps + 1} steps`,
    met: writes <= 6,
    numbers: { writes, execs },
  };
}
