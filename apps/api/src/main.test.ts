import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openWriter } from "@danube/db/write";
import { silentLogger } from "@danube/kit";
import { serviceMethods } from "@danube/protocol";
import { createRpcServer, type Handlers } from "@danube/rpc";
import { afterEach, expect, test } from "vitest";
import { createQueries } from "@danube/db/read";
import { createChangeHub } from "./testing/change-hub.ts";
import { countStored, createTestCommands } from "./testing/test-commands.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

test("the API's process serves the volume, sends writes to the control plane, and survives its absence", async () => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "danube-api-main-"));
  cleanups.push(() => rm(dataDirectory, { recursive: true, force: true }));
  const rpcPort = await freePort();
  const api = await startProcess({
    DANUBE_SERVER_DATA_DIR: dataDirectory,
    DANUBE_SERVER_BIND_ADDRESS: "127.0.0.1:0",
    DANUBE_SERVER_INTERNAL_URL: `http://127.0.0.1:${rpcPort}`,
    DANUBE_SERVER_INTERNAL_TOKEN: "service-token-of-this-test-0123456789",
    DANUBE_WEBHOOKS_GITLAB_TOKEN: "gitlab token",
    DANUBE_LOGGING_FORMAT: "json",
  });

  // Nothing else is there yet: the process lives, and says that it can't work.
  expect((await fetch(`${api.url}/health`)).status).toBe(200);
  expect((await fetch(`${api.url}/api/v1/me`, { headers: { authorization: "Bearer x" } })).status).toBe(503);

  const writer = await openWriter({ dataDirectory, logger: silentLogger, ballastBytes: 4_096 });
  cleanups.push(() => writer.close());
  const changes = createChangeHub();
  const handlers = {
    ...createQueries(writer),
    ...createTestCommands(writer, changes),
    health: async () => ({ checks: [{ name: "runtime", ok: true }] }),
    watchChanges: (_request: unknown, { signal }: { signal: AbortSignal }) => changes.watch(signal),
  } as unknown as Handlers<typeof serviceMethods, string>;
  const server = createRpcServer<typeof serviceMethods, string>({
    methods: serviceMethods,
    handlers,
    authenticate: async () => "api",
    logger: silentLogger,
    maxRequestBytes: 1_000_000,
  });
  await server.listen({ host: "127.0.0.1", port: rpcPort });
  cleanups.push(() => server.close({ graceMs: 100 }));

  const ready = await fetch(`${api.url}/health/ready`);
  expect(await ready.json()).toMatchObject({ status: "ok" });
  expect((await fetch(`${api.url}/api/v1/me`, { headers: { authorization: "Bearer x" } })).status).toBe(401);
  const delivery = await fetch(`${api.url}/webhooks/gitlab`, {
    method: "POST",
    headers: { "x-gitlab-token": "gitlab token" },
    body: '{"object_kind":"pipeline"}',
  });
  expect(delivery.status).toBe(200);
  expect(countStored(writer).deliveries).toBe(1);

  api.process.kill("SIGTERM");
  expect(await new Promise((resolve) => api.process.on("exit", resolve))).toBe(0);
}, 30_000);

test("a configuration that can't be is told in sentences, and the process ends with 1", async () => {
  const child = run({ DANUBE_SERVER_BIND_ADDRESS: "nonsense" });
  let told = "";
  child.stderr?.on("data", (chunk: Buffer) => (told += chunk.toString()));
  expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(1);
  expect(told).toContain("nonsense");
  expect(told).not.toContain("    at ");
});

function run(environment: Record<string, string>): ChildProcess {
  const main = fileURLToPath(new URL("./main.ts", import.meta.url));
  const child = spawn(process.execPath, [main], { env: { PATH: process.env["PATH"], ...environment }, stdio: "pipe" });
  cleanups.push(() => child.kill("SIGKILL"));
  return child;
}

/** Resolves once the process says where it listens. */
async function startProcess(environment: Record<string, string>): Promise<{ url: string; process: ChildProcess }> {
  const child = run(environment);
  const port = await new Promise<number>((resolve, reject) => {
    let lines = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      lines += chunk.toString();
      const found = /"port":(\d+).*The API is ready/.exec(lines);
      if (found) resolve(Number(found[1]));
    });
    child.on("exit", () => reject(new Error(`It ended: ${lines}`)));
  });
  return { url: `http://127.0.0.1:${port}`, process: child };
}

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
