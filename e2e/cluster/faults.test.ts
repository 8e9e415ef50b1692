// What a running job must not notice: the API server away, the node's agent away, the control plane killed, connections cut by
// the dozen. Compared with a run that nobody disturbed: the same bytes of log, the same exit code, one execution.
import { setTimeout as delay } from "node:timers/promises";
import { openTestCluster } from "@danube/runtime-kubernetes/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DanubeCluster, startDanubeCluster } from "../harness/danube-cluster.ts";

const lines = 600;
// Whole lines, halves of lines, a secret in two pieces, and something on standard error, for about ten seconds.
const command = `echo run >> runs; i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); printf "line $i "; printf 'sec'; echo "ret-value-$i" >&2; echo ret-value; sleep 0.015; done; exit 7`;
const script = `export default async ({ step }) => {
  await step.run("echo first");
  const { exitCode } = await step.run(${JSON.stringify(command)}, { name: "Long", check: false });
  await step.run(["echo", "exit code " + exitCode]);
  await step.run("cat runs", { name: "Runs" });
};
`;
const steps = `export default async ({ step }) => {
  const numbers = Array.from({ length: 40 }, (_, i) => i + 100);
  const runs = numbers.map((n) => () => step.run("echo step " + n + " | tee -a runs"));
  await step.parallel(runs, { limit: 20 });
  await step.run("sort runs");
};
`;

describe("a fault in the middle of a step", () => {
  const cluster = openTestCluster();
  let danube: DanubeCluster;
  let undisturbed: Buffer;

  beforeAll(async () => {
    const worker = { image: "busybox" };
    danube = await startDanubeCluster({
      pipelines: {
        long: { files: { "danubefile.ts": script }, spec: { worker } },
        steps: { files: { "danubefile.ts": steps }, spec: { worker } },
      },
    });
    await danube.api.setSecret("VALUE", "secret-value", "long");
    const jobId = await danube.push("long");
    await danube.api.jobEnd(jobId);
    undisturbed = withoutCheckout(await danube.api.log(jobId));
    expect(undisturbed.toString()).toMatch(new RegExp(`^first\n(?:.*\n)*line ${lines} (?:.*\n)*exit code 7\nrun\n$`));
    expect(undisturbed.toString()).not.toContain("secret-value");
  });
  afterAll(async () => {
    for (const component of ["apiserver", "kubelet"]) await cluster.start(component);
    await danube?.stop();
  });

  async function expectUndisturbed(jobId: string): Promise<void> {
    const job = await danube.api.jobEnd(jobId, 120_000);
    expect(job, danube.output().slice(-6_000)).toMatchObject({ status: "success" });
    const { steps } = await danube.api.job(jobId);
    expect(steps).toContainEqual(expect.objectContaining({ name: "Long", exitCode: 7 }));
    expect(withoutCheckout(await danube.api.log(jobId)).equals(undisturbed)).toBe(true);
    await danube.nothingLeft(jobId);
  }

  it("the API server stops for 40 s: the step ends meanwhile, the next one waits", async () => {
    const jobId = await danube.push("long");
    await danube.logHas(jobId, "line 20 ");
    await cluster.stop("apiserver");
    try {
      await danube.logHas(jobId, `line ${lines} `);
      await delay(30_000); // the fault is its length
      expect((await danube.api.job(jobId)).status).toBe("running");
    } finally {
      await cluster.start("apiserver");
    }
    await expectUndisturbed(jobId);
  });

  it("the kubelet stops while the step ends", async () => {
    const jobId = await danube.push("long");
    await danube.logHas(jobId, "line 20 ");
    await cluster.stop("kubelet");
    try {
      await danube.logHas(jobId, `line ${lines} `);
      await delay(5_000); // the next step's launch is refused meanwhile
    } finally {
      await cluster.start("kubelet");
    }
    await expectUndisturbed(jobId);
  });

  it.for(["first", "line 1 ", `line ${lines / 2} `])(
    "the control plane is killed when the log has %j",
    async (place) => {
      const jobId = await danube.push("long");
      await danube.logHas(jobId, place);
      await danube.kill("controlplane");
      await danube.start("controlplane");
      await expectUndisturbed(jobId);
    },
  );

  it("the control plane is killed while the Pod is being made", async () => {
    const jobId = await danube.push("long");
    await danube.kill("controlplane");
    await danube.start("controlplane");
    await expectUndisturbed(jobId);
  });

  it("all connections to the API server are cut again and again, at random moments", async () => {
    const jobId = await danube.push("long");
    const over = new AbortController();
    let cuts = 0;
    const cutting = (async () => {
      while (!over.signal.aborted) {
        await delay(50 + Math.random() * 800);
        cuts += danube.kubernetes.cut();
      }
    })();
    try {
      await danube.logHas(jobId, "exit code 7");
    } finally {
      over.abort();
      await cutting;
    }
    expect(cuts).toBeGreaterThan(5);
    await expectUndisturbed(jobId);
  });

  it("three of five exec connections are cut: each of forty steps runs once", async () => {
    danube.kubernetes.breakExecs(0.6);
    const jobId = await danube.push("steps");
    const job = await danube.api.jobEnd(jobId, 200_000);
    danube.kubernetes.breakExecs(0);
    expect(job, danube.output().slice(-3_000)).toMatchObject({ status: "success" });
    expect(danube.kubernetes.brokenExecs()).toBeGreaterThan(30);
    const expected = Array.from({ length: 40 }, (_, i) => `step ${i + 100}`);
    const said = withoutCheckout(await danube.api.log(jobId))
      .toString()
      .split("\n")
      .slice(0, -1);
    // What the steps said, and then what the last one found of them.
    expect(said.slice(0, 40).sort()).toEqual(expected);
    expect(said.slice(40)).toEqual(expected);
    await danube.nothingLeft(jobId);
  });
});

/** The log after its first line, which names the commit: every job here has one of its own. */
function withoutCheckout(log: Buffer): Buffer {
  return log.subarray(log.indexOf("\n") + 1);
}
