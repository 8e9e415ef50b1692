// Forty jobs at once: each log complete and its own, nothing left, and few writes to the Kubernetes API for each.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DanubeCluster, startDanubeCluster } from "../harness/danube-cluster.ts";

const count = 40;
const lines = 200;
const script = `export default async ({ step, ctx }) => {
  await step.run("i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo $DANUBE_JOB_ID line $i; done", { name: "Lines" });
  await step.run(["echo", "end of " + ctx.jobId]);
};
`;

describe("forty jobs at once", () => {
  let danube: DanubeCluster;
  beforeAll(async () => {
    // Small requests, so that the test's one small node takes them together.
    const worker = { image: "busybox", resources: { requests: { cpu: "1m", memory: "8Mi" } } };
    danube = await startDanubeCluster({
      pipelines: { many: { files: { "danubefile.ts": script }, spec: { worker } } },
      config: { concurrency: { max_jobs: count } },
    });
  });
  afterAll(() => danube?.stop());

  it("finish, each with its own whole log, for at most six writes to the API each", async () => {
    const answers = await Promise.all(
      Array.from({ length: count }, () => danube.api.send("POST", "/api/v1/pipelines/many/trigger", {})),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    await expect.poll(async () => (await danube.api.jobs("many")).length, { timeout: 60_000 }).toBe(count);
    const ids: string[] = (await danube.api.jobs("many")).map(({ id }) => id);
    for (const id of ids) {
      const job = await danube.api.jobEnd(id, 240_000);
      expect(job.status, `${job.message}\n${danube.output().slice(-3_000)}`).toBe("success");
      const log = (await danube.api.log(id)).toString();
      const expected = [...Array.from({ length: lines }, (_, i) => `${id} line ${i + 1}`), `end of ${id}`];
      expect(log.slice(log.indexOf("\n") + 1)).toBe(`${expected.join("\n")}\n`);
    }
    for (const id of ids) await danube.nothingLeft(id);
    for (const id of ids) {
      const writes = danube.kubernetes.requests.filter(
        ({ method, path, body }) => method !== "GET" && (path.includes(id) || body.includes(id)),
      );
      expect(writes.length, JSON.stringify(writes.map(({ method, path }) => [method, path]))).toBeLessThanOrEqual(6);
      // Secret and Pod are made, Pod and Secret deleted, or nothing was counted at all.
      expect(writes.length).toBeGreaterThanOrEqual(4);
    }
    // What is watched is not asked for again and again.
    const lists = danube.kubernetes.requests.filter(
      ({ method, path }) => method === "GET" && /\/pods\?/.test(path) && !path.includes("watch=true"),
    );
    expect(lists.length).toBeLessThan(20);
  });
});
