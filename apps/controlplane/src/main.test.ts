// The control plane as a real process, killed with SIGKILL in the middle of a step.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { newId, silentLogger } from "@danube/kit";
import { BlueprintConfiguration, type ServiceMethods, serviceMethods } from "@danube/protocol";
import { createRpcClient, type RpcClient } from "@danube/rpc";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventually } from "./testing/control-plane-harness.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
let directory: string;
let ports: [number, number];
let child: ChildProcess;
let client: RpcClient<ServiceMethods>;

beforeEach(async () => {
  directory = mkdtempSync(path.join(tmpdir(), "danube-main-"));
  ports = [await freePort(), await freePort()];
});
afterEach(async () => {
  const { jobs } = await client.listActiveJobs({});
  for (const job of jobs) await client.cancelJob({ jobId: job.id, actor: { subject: "test" } });
  await eventually(async () => (await client.listActiveJobs({})).jobs.length === 0);
  await client.close();
  child.kill("SIGTERM");
  await once(child, "exit");
  rmSync(directory, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

function start(): void {
  const [jobs, services] = ports;
  child = spawn(process.execPath, [main], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      DANUBE_RUNTIME_TYPE: "local",
      DANUBE_SERVER_DATA_DIR: path.join(directory, "data"),
      DANUBE_SERVER_RPC_ADDRESS: `127.0.0.1:${jobs}`,
      DANUBE_SERVER_INTERNAL_ADDRESS: `127.0.0.1:${services}`,
      DANUBE_SERVER_INTERNAL_TOKEN: "the-service-credential",
      DANUBE_LOGGING_LEVEL: "error",
    },
  });
}

test("kill -9, again and again: the job never notices", { timeout: 60_000 }, async () => {
  const repository = path.join(directory, "repository");
  const counter = path.join(directory, "counter");
  execFileSync("git", ["init", "-q", "-b", "main", repository]);
  writeFileSync(
    path.join(repository, "danubefile.ts"),
    `export default async ({ step }) => {
      await step.run("echo ran >> ${counter}; for i in $(seq 1 40); do echo line $i; sleep 0.1; done; exit 4", { check: false });
      await step.run("echo after");
    };`,
  );
  const identity = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b",
  };
  for (const args of [
    ["add", "."],
    ["commit", "-q", "-m", "one"],
  ]) {
    execFileSync("git", args, { cwd: repository, env: { ...process.env, ...identity } });
  }
  start();
  const url = `http://127.0.0.1:${ports[1]}`;
  client = createRpcClient({ url, methods: serviceMethods, token: "the-service-credential", logger: silentLogger });
  const document = { apiVersion: "danube.dev/v1" };
  const configuration = BlueprintConfiguration.parse({
    config: { ...document, kind: "Config", spec: {} },
    users: [],
    teams: [],
    pipelines: [{ ...document, kind: "Pipeline", metadata: { name: "app" }, spec: { repository } }],
  });
  await client.applyBlueprint({ syncId: newId(), commitSha: "1", configuration, startedAt: new Date().toISOString() });
  const { pipeline } = await client.getPipeline({ name: "app" });
  const [triggerId, jobId] = [newId(), newId()];
  const event = { type: "manual" as const, forge: "danube" as const, repositoryUrls: [], pipelineName: "app" };
  await client.recordTrigger({ id: triggerId, deduplicationKey: triggerId, event });
  const job = {
    id: jobId,
    pipelineId: pipeline?.id ?? "",
    trigger: { type: "manual" as const },
    params: {},
    admit: true,
  };
  await client.decideTrigger({ triggerId, jobs: [job], outcome: "One job." });

  const log = () => {
    try {
      return readFileSync(path.join(directory, "data", "logs", `${jobId}.log`), "utf8");
    } catch {
      return "";
    }
  };
  for (const line of ["line 3\n", "line 12\n", "line 25\n"]) {
    await eventually(() => log().includes(line), 30_000);
    child.kill("SIGKILL");
    await once(child, "exit");
    start();
  }
  await eventually(async () => (await client.getJob({ jobId })).job?.finishedAt !== undefined, 30_000);
  expect((await client.getJob({ jobId })).job).toMatchObject({ status: "success" });
  const lines = Array.from({ length: 40 }, (_, at) => `line ${at + 1}\n`).join("");
  expect(log().slice(log().indexOf("line 1\n"))).toBe(`${lines}after\n`);
  expect(readFileSync(counter, "utf8")).toBe("ran\n");
  const { steps } = await client.listSteps({ jobId });
  expect(steps.map((step) => step.exitCode)).toEqual([4, 0]);
});
