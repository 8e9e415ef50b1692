// Cancellation in every phase, what nobody owns any more, and services beside the worker.
import { openTestCluster } from "@danube/runtime-kubernetes/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DanubeCluster, startDanubeCluster } from "../harness/danube-cluster.ts";
import { apply, kubectl } from "../harness/kubectl.ts";

const polite = `export default async ({ step }) => {
  try {
    await step.run("trap 'echo told to end; exit 3' TERM; echo up; while :; do sleep 0.1; done", { name: "Long" });
  } finally {
    await step.run("echo cleaned up", { name: "Clean" });
  }
};
`;
const stubborn = `export default async ({ step }) => {
  await step.run("trap '' TERM; echo up; while :; do sleep 0.1; done", { name: "Stubborn" });
};
`;
const served = `export default async ({ step }) => {
  await step.run("wget -q -O - http://127.0.0.1:8081/index.html", { name: "Ask" });
};
`;
const page = "echo the page of the service > index.html; echo serving on standard error >&2";

describe("the end of a job", () => {
  let danube: DanubeCluster;

  beforeAll(async () => {
    const worker = { image: "busybox" };
    danube = await startDanubeCluster({
      pipelines: {
        polite: { files: { "danubefile.ts": polite }, spec: { worker } },
        stubborn: { files: { "danubefile.ts": stubborn }, spec: { worker } },
        placeless: {
          files: { "danubefile.ts": polite },
          spec: { worker: { ...worker, resources: { requests: { cpu: "500" } } } },
        },
        short: { files: { "danubefile.ts": polite }, spec: { worker, max_duration_seconds: 3 } },
      },
    });
  });
  afterAll(() => danube?.stop());

  async function cancel(jobId: string): Promise<void> {
    expect((await danube.api.send("POST", `/api/v1/jobs/${jobId}/cancel`, {})).status).toBe(200);
  }

  it("cancels a job whose Pod is being made", async () => {
    const jobId = await danube.push("polite");
    await cancel(jobId);
    expect(await danube.api.jobEnd(jobId)).toMatchObject({ status: "cancelled", reason: "cancelled_by_user" });
    await danube.nothingLeft(jobId);
  });

  it("cancels a job that waits for a node", async () => {
    const jobId = await danube.push("placeless");
    await danube.api.jobWhere((job) => job.id === jobId && /Insufficient cpu/.test(job.message ?? ""));
    await cancel(jobId);
    expect(await danube.api.jobEnd(jobId)).toMatchObject({ status: "cancelled" });
    await danube.nothingLeft(jobId);
  });

  it("cancels a running job: SIGTERM to its command, and its finally blocks run", async () => {
    const jobId = await danube.push("polite");
    await danube.logHas(jobId, "up\n");
    await cancel(jobId);
    expect(await danube.api.jobEnd(jobId)).toMatchObject({ status: "cancelled", reason: "cancelled_by_user" });
    const log = (await danube.api.log(jobId)).toString();
    expect(log).toContain("told to end\n");
    expect(log).toContain("cleaned up\n");
    await danube.nothingLeft(jobId);
  });

  it("kills a command that does not listen", async () => {
    const jobId = await danube.push("stubborn");
    await danube.logHas(jobId, "up\n");
    await cancel(jobId);
    expect(await danube.api.jobEnd(jobId, 30_000)).toMatchObject({ status: "cancelled" });
    await danube.nothingLeft(jobId);
  });

  it("ends a job that takes too long in the same way", async () => {
    const jobId = await danube.push("short");
    expect(await danube.api.jobEnd(jobId, 60_000)).toMatchObject({ status: "timeout", reason: "timeout" });
    expect((await danube.api.log(jobId)).toString()).toContain("cleaned up\n");
    await danube.nothingLeft(jobId);
  });

  it("is found after a restart: a job whose Pod went meanwhile, and a Pod without a job", async () => {
    const jobId = await danube.push("polite");
    await danube.logHas(jobId, "up\n");
    await danube.kill("controlplane");
    const name = `danube-job-${jobId}`;
    const pod = JSON.parse(await kubectl("get", "pod", name, "-n", danube.namespaceJobs, "-o", "json")) as {
      metadata: { labels: Record<string, string> };
    };
    // Of the same installation, but of a job that no database knows.
    const stranger = "01890a5d-ac96-774b-bcce-b302099a8057";
    await apply([
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          name: `danube-job-${stranger}`,
          namespace: danube.namespaceJobs,
          labels: { ...pod.metadata.labels, "danube.dev/job-id": stranger },
        },
        spec: {
          containers: [{ name: "coordinator", image: "busybox", imagePullPolicy: "Never", command: ["sleep", "600"] }],
        },
      },
    ]);
    await kubectl("delete", "pod", name, "-n", danube.namespaceJobs, "--grace-period=1");
    await danube.start("controlplane");
    expect(await danube.api.jobEnd(jobId, 60_000)).toMatchObject({ status: "failure", reason: "infra_lost" });
    await danube.nothingLeft(jobId);
    await danube.nothingLeft(stranger);
  });
});

describe("services of a job", () => {
  let danube: DanubeCluster;

  beforeAll(async () => {
    const image = await openTestCluster().image({
      name: "web-service",
      dockerfile: `FROM docker.io/library/busybox:latest
ENTRYPOINT ["sh", "-c", "cd /tmp; sleep 3; ${page}; exec httpd -f -p 8081"]
`,
    });
    danube = await startDanubeCluster({
      pipelines: {
        served: {
          files: { "danubefile.ts": served },
          spec: { worker: { image: "busybox" }, services: { web: { image, ready: { http: ":8081/index.html" } } } },
        },
      },
    });
  });
  afterAll(() => danube?.stop());

  it("are awaited, and their words do not mix with the job's", async () => {
    const jobId = await danube.push("served");
    // It takes some seconds before it answers: a step that did not wait would fail.
    const job = await danube.api.jobEnd(jobId);
    const log = (await danube.api.log(jobId)).toString();
    expect(job.status, `${job.message}\n${log}`).toBe("success");
    expect(log).toContain("the page of the service\n");
    expect(log).not.toContain("serving on standard error");
    await danube.nothingLeft(jobId);
  });
});
