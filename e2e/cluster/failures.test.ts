// What breaks, and what the job says of it: each with its reason and a sentence, within a minute of being possible to know.
import { createServer, type Server } from "node:http";
import { processesOfContainer } from "@danube/runtime-kubernetes/testing";
import type { Job } from "@danube/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DanubeCluster, startDanubeCluster } from "../harness/danube-cluster.ts";
import { apply, kubectl } from "../harness/kubectl.ts";

const namespaceJobs = "danube-failures";
const sleeper = `export default async ({ step }) => {
  await step.run("echo up; while :; do sleep 1; done", { name: "Long" });
};
`;
const files = { "danubefile.ts": sleeper };
const hog = `export default async ({ step }) => {
  await step.run("tail -c 200m /dev/zero > /dev/null", { name: "Hog" });
};
`;
const filler = `export default async ({ step }) => {
  await step.run("head -c 40m /dev/zero > file; echo up; while :; do sleep 1; done", { name: "Fill" });
};
`;

describe("a job that the cluster fails", () => {
  let danube: DanubeCluster;
  let registry: Server;

  beforeAll(async () => {
    // A registry that has nothing. On localhost the node asks without TLS.
    registry = createServer((_request, response) => {
      const body = { errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] };
      response.writeHead(404, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => registry.listen(0, "localhost", resolve));
    const { port } = registry.address() as { port: number };
    const worker = { image: "busybox" };
    danube = await startDanubeCluster({
      namespaceJobs,
      pipelines: {
        sleeper: { files, spec: { worker } },
        image: { files, spec: { worker: { image: `localhost:${port}/no/such:image` } } },
        cpu: { files, spec: { worker: { ...worker, resources: { requests: { cpu: "500" } } } } },
        hog: {
          files: { "danubefile.ts": hog },
          spec: { worker: { ...worker, resources: { limits: { memory: "64Mi" } } } },
        },
        quota: { files, spec: { worker: { ...worker, resources: { requests: { memory: "900Gi" } } } } },
        filler: { files: { "danubefile.ts": filler }, spec: { worker, workspace_size_gb: 0.02 } },
        policy: { files, spec: { worker: { ...worker, run_as: "root" } } },
      },
      env: { DANUBE_KUBERNETES_IMAGE_PULL_GRACE: "5s", DANUBE_KUBERNETES_UNSCHEDULABLE_GRACE: "8s" },
    });
    await apply([
      {
        apiVersion: "v1",
        kind: "ResourceQuota",
        metadata: { name: "limit", namespace: namespaceJobs },
        spec: { hard: { "requests.memory": "500Gi" } },
      },
    ]);
  });
  afterAll(async () => {
    await danube?.stop();
    registry?.close();
    await kubectl("delete", "resourcequota", "limit", "-n", namespaceJobs, "--ignore-not-found");
  });

  async function expectEnd(jobId: string, reason: Job["reason"], words: RegExp, timeoutMs = 60_000): Promise<void> {
    const job = await danube.api.jobEnd(jobId, timeoutMs);
    expect(job, danube.output().slice(-3_000)).toMatchObject({ status: "failure", reason });
    expect(job.message).toMatch(words);
    const { steps } = await danube.api.job(jobId);
    expect(steps.filter(({ status }) => status === "running" || status === "success")).toEqual([]);
    await danube.nothingLeft(jobId);
  }

  it("says that an image does not exist, in the registry's words", async () => {
    await expectEnd(
      await danube.push("image"),
      "image_pull",
      /localhost:\d+\/no\/such:image.*cannot be pulled: .*not found/,
    );
  });

  it("says on a job that waits why the scheduler has no place for it, and at last gives up", async () => {
    const jobId = await danube.push("cpu");
    const waiting = await danube.api.jobWhere((job) => job.id === jobId && /Insufficient cpu/.test(job.message ?? ""));
    expect(waiting.status).toBe("scheduling");
    await expectEnd(jobId, "unschedulable", /No node can take it: .*Insufficient cpu/);
  });

  it("says on a job that waits that the quota is used up, and at last gives up", async () => {
    const jobId = await danube.push("quota");
    const waiting = await danube.api.jobWhere((job) => job.id === jobId && /exceeded quota/.test(job.message ?? ""));
    expect(waiting.status).toBe("scheduling");
    await expectEnd(jobId, "unschedulable", /quota has no room.*exceeded quota: limit/);
  });

  it("refuses a policy that the operator has not named", async () => {
    await expectEnd(await danube.push("policy"), "policy_denied", /run_as "root" is not a policy/);
  });

  it("tells a command that took too much memory from one that failed", async () => {
    const jobId = await danube.push("hog");
    await expectEnd(jobId, "oom_killed", /"Hog".*137/);
    const { steps } = await danube.api.job(jobId);
    expect(steps).toEqual([expect.objectContaining({ reason: "oom_killed", exitCode: 137 })]);
    expect(steps[0]?.message).toMatch(/ran out of memory/);
  });

  it("says that the workspace's limit was exceeded", async () => {
    const jobId = await danube.push("filler");
    await danube.logHas(jobId, "up");
    // The node measures volumes once a minute.
    await expectEnd(jobId, "evicted", /evicted.*workspace.*exceeds the limit/i, 120_000);
  });

  it("says that somebody deleted the Pod", async () => {
    const jobId = await danube.push("sleeper");
    await danube.logHas(jobId, "up");
    await kubectl("delete", "pod", `danube-job-${jobId}`, "-n", namespaceJobs, "--wait=false");
    await expectEnd(jobId, "infra_lost", /Pod was deleted/);
  });

  it.for(["coordinator", "worker"])("says that process 1 of the %s was killed", async (container) => {
    const jobId = await danube.push("sleeper");
    await danube.logHas(jobId, "up");
    const query = `jsonpath={.status.containerStatuses[?(@.name=="${container}")].containerID}`;
    const id = await kubectl("get", "pod", `danube-job-${jobId}`, "-n", namespaceJobs, "-o", query);
    const [first] = processesOfContainer(id);
    process.kill(first ?? Number.NaN, "SIGKILL");
    await expectEnd(jobId, "infra_lost", new RegExp(`${container}"? ended with exit code 137`, "i"));
  });
});
