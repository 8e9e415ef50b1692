// Danube from its own images, in the cluster: what an operator gets, with a pipeline from a webhook to its last line.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createBlueprint,
  createGitRepository,
  deliver,
  findSecurityViolations,
  type GitRepository,
  type GitServer,
  githubPush,
  type InstalledDanube,
  installDanube,
  kubectl,
  nodeAddress,
  type PodSpecView,
  serviceNames,
  startGitServer,
  webhookSecret,
} from "../harness/index.ts";

let git: GitServer;
let danube: InstalledDanube;
let application: GitRepository;

beforeAll(async () => {
  const root = mkdtempSync(join(tmpdir(), "danube-git-"));
  git = await startGitServer(root, nodeAddress);
  application = createGitRepository("application", root);
  application.push({
    "danubefile.ts": `export default async ({ step, secrets }) => {
  await step.run("echo on $(uname -s) as $(id -u), $(cat greeting)");
  const token = await secrets.get("TOKEN");
  await step.run("echo token: $TOKEN", { env: { TOKEN: token } });
};`,
    greeting: "hello",
  });
  const spec = { worker: { image: "debian:bookworm-slim" } };
  createBlueprint({ application: { repository: `${git.url}/application.git`, ...spec } }, {}, root);
  danube = await installDanube({ blueprintUrl: `${git.url}/blueprint.git` });
}, 280_000);

afterAll(async () => {
  await danube?.remove();
  await git?.stop();
});

const push = () => ({ ...application, url: `${git.url}/application.git` });

describe("Danube, installed from its images", () => {
  it("runs a pipeline from a webhook to its end, and leaves nothing behind", async () => {
    const ready = await danube.api.get("/health/ready");
    expect(await ready.json()).toMatchObject({ status: "ok" });
    await danube.api.setSecret("TOKEN", "nobody-may-see-this", "application");
    const answer = await deliver(danube.url, githubPush(push(), webhookSecret));
    expect(answer).toMatchObject({ status: 202 });
    const job = await danube.api.jobWhere(({ pipelineName }) => pipelineName === "application");
    const end = await danube.api.jobEnd(job.id, 120_000);
    const log = (await danube.api.log(job.id)).toString();
    expect(end, `${end.message}\n${log}\n${await danube.output()}`).toMatchObject({ status: "success" });
    expect(log).toContain("on Linux as 10001, hello\n");
    expect(log).toContain("token: ***\n");
    const left = ["-n", danube.namespaceJobs, "-l", `danube.dev/job-id=${job.id}`];
    await kubectl("wait", "--for=delete", "pod", ...left, "--timeout=30s");
    expect(await kubectl("get", "pods,secrets", ...left, "-o", "name")).toBe("");
    const page = await danube.api.get("/");
    expect(await page.text()).toContain("<!doctype html>");
  });

  it("has laid its network policy on the jobs, with no more rights than its account has", async () => {
    const spec = await kubectl(
      "get",
      "networkpolicy",
      "danube-jobs",
      "-n",
      danube.namespaceJobs,
      "-o",
      "jsonpath={.spec}",
    );
    expect(JSON.parse(spec)).toMatchObject({ policyTypes: ["Ingress", "Egress"], egress: [{}, {}, {}] });
  });

  it("meets the restricted Pod Security Standard", async () => {
    const pods = JSON.parse(await kubectl("get", "pods", "-n", danube.namespace, "-o", "json")) as {
      items: { metadata: { name: string }; spec: PodSpecView }[];
    };
    expect(pods.items).toHaveLength(3);
    expect(pods.items.flatMap(({ spec }) => findSecurityViolations(spec))).toEqual([]);
  });

  it.each([
    ["delete", "pods", "danube-jobs", "yes"],
    ["create", "pods/exec", "danube-jobs", "yes"],
    ["get", "secrets", "danube-jobs", "no"],
    ["list", "pods", "danube-system", "no"],
    ["list", "secrets", "danube-system", "no"],
    ["create", "pods", "default", "no"],
    ["create", "deployments", "danube-jobs", "no"],
  ])("may its account %s %s in %s: %s", async (verb, resource, namespace, answer) => {
    const account = `--as=system:serviceaccount:${danube.namespace}:danube-controlplane`;
    // The exit code of "no" is 1.
    const said = await kubectl("auth", "can-i", verb, resource, "-n", namespace, account).catch(
      (error: unknown) => (error as { stdout: string }).stdout,
    );
    expect(said.trim()).toBe(answer);
  });

  it.each(serviceNames)("%s is process 1, and ends at once and well on SIGTERM", async (service) => {
    const pod = await danube.pod(service);
    const at = Date.now();
    await kubectl("exec", "-n", danube.namespace, pod, "--", "node", "-e", "process.kill(1, 'SIGTERM')");
    const path = "{.status.containerStatuses[0].lastState.terminated}";
    let ended = "";
    while (ended === "" && Date.now() - at < 60_000) {
      await setTimeout(200);
      ended = await kubectl("get", "pod", "-n", danube.namespace, pod, "-o", `jsonpath=${path}`);
    }
    const { exitCode, finishedAt } = JSON.parse(ended) as { exitCode: number; finishedAt: string };
    expect(exitCode).toBe(0);
    expect(Date.parse(finishedAt) - at).toBeLessThan(8_000);
  });
});
