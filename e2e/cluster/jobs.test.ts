// Jobs as Pods: pipelines from a push to their last line, on images of every kind.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openTestCluster } from "@danube/runtime-kubernetes/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DanubeCluster, startDanubeCluster } from "../harness/danube-cluster.ts";

const hello = fileURLToPath(new URL("../../examples/hello", import.meta.url));
const busybox = `export default async ({ step, ctx }) => {
  await step.run("echo user $(id -u); pwd; touch file; ls", { name: "Shell" });
  await step.run(["sh", "-c", "echo $1", "sh", "two words"]);
  const { stdout } = await step.run("cat danubefile.ts | wc -l", { capture: true });
  console.log("lines " + stdout.trim() + " of " + ctx.branch);
};
`;
// Nothing but one static program: no shell, no /tmp, no /etc/passwd.
const bare = `export default async ({ step }) => {
  await step.run(["/busybox", "echo", "from", "a", "bare", "image"]);
  const { exitCode } = await step.run(["/busybox", "false"], { check: false });
  await step.run(["/busybox", "echo", "exit code " + exitCode]);
};
`;

describe("a job in a Pod", () => {
  let danube: DanubeCluster;

  beforeAll(async () => {
    const bareImage = await openTestCluster().image({
      name: "bare",
      dockerfile: `FROM docker.io/library/busybox:latest AS busybox
FROM scratch
COPY --from=busybox /bin/busybox /busybox
`,
    });
    danube = await startDanubeCluster({
      pipelines: {
        hello: { files: filesBelow(hello), spec: { worker: { image: "node:24-bookworm-slim" } } },
        busybox: { files: { "danubefile.ts": busybox }, spec: { worker: { image: "busybox" } } },
        bare: { files: { "danubefile.ts": bare }, spec: { worker: { image: bareImage } } },
      },
    });
    await danube.api.setSecret("DEPLOY_TOKEN", "a-token-that-nobody-may-see", "hello");
  });
  afterAll(() => danube?.stop());

  async function run(pipeline: string): Promise<{ jobId: string; log: string }> {
    const jobId = await danube.push(pipeline);
    let streamed = "";
    for await (const event of danube.api.logEvents(jobId)) if (event.event === "log") streamed += event.data.text;
    const job = await danube.api.jobEnd(jobId);
    const log = (await danube.api.log(jobId)).toString();
    expect(job.status, `${job.message}\n${log}\n${danube.output().slice(-4_000)}`).toBe("success");
    expect(streamed).toBe(log);
    await danube.nothingLeft(jobId);
    return { jobId, log: log.slice(log.indexOf("\n") + 1) };
  }

  it("runs the hello example on Node.js: parallel steps, an artifact, a secret that stays hidden", async () => {
    const { jobId, log } = await run("hello");
    expect(log).toContain("deploying with token ***\n");
    expect(log).not.toContain("a-token-that-nobody-may-see");
    const { artifacts, steps } = await danube.api.job(jobId);
    expect(steps.map(({ name, status }) => [name, status])).toContainEqual(["Deploy", "success"]);
    expect(artifacts).toEqual([expect.objectContaining({ name: "site", kind: "archive" })]);
    const archive = await danube.api.get(`/api/v1/artifacts/${artifacts[0]?.id}`);
    const directory = mkdtempSync(join(tmpdir(), "danube-artifact-"));
    execFileSync("tar", ["-xzf", "-", "-C", directory], { input: Buffer.from(await archive.arrayBuffer()) });
    expect(readdirSync(directory)).not.toEqual([]);
  });

  it("runs on busybox, as an ordinary user", async () => {
    const { log } = await run("busybox");
    expect(log).toBe("user 10001\n/workspace\ncount.txt\ndanubefile.ts\nfile\ntwo words\n6\nlines 6 of main\n");
  });

  it("runs on an image that has nothing but one static program", async () => {
    const { log } = await run("bare");
    expect(log).toBe("from a bare image\nexit code 1\n");
  });
});

function filesBelow(directory: string): Record<string, string> {
  const copy = mkdtempSync(join(tmpdir(), "danube-hello-"));
  cpSync(directory, copy, { recursive: true, filter: (path) => !path.includes("node_modules") });
  const entries = readdirSync(copy, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    entries.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path.slice(copy.length + 1), readFileSync(path, "utf8")];
    }),
  );
}
