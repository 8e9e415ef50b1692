import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { silentLogger } from "@danube/kit";
import { type Change, DanubeError, serviceMethods } from "@danube/protocol";
import { createRpcServer, type Handlers } from "@danube/rpc";
import { expect, test } from "vitest";
import { blueprintOf } from "./testing/configuration.ts";
import { createTestControlPlane, type TestControlPlane } from "./testing/control-plane.ts";

const program = new URL("./main.ts", import.meta.url).pathname;

test("as a process of its own it serves a control plane over RPC, and ends when it is told to", async () => {
  await using plane = await createTestControlPlane();
  await plane.apply(blueprintOf({ site: {} }));
  const triggerId = await plane.trigger({ type: "manual", forge: "danube", pipelineName: "site" });
  const server = serve(plane, "the-token");
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const dataDirectory = mkdtempSync(path.join(tmpdir(), "danube-scheduler-main-"));
  mkdirSync(path.join(dataDirectory, "keys"));
  writeFileSync(path.join(dataDirectory, "keys", "service.token"), "the-token\n");
  const child = spawn(process.execPath, [program], {
    stdio: ["ignore", "ignore", "pipe"],
    env: {
      PATH: process.env["PATH"],
      DANUBE_SERVER_DATA_DIR: dataDirectory,
      DANUBE_SERVER_INTERNAL_URL: `http://127.0.0.1:${port}`,
    },
  });
  const log: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => log.push(chunk));
  try {
    await untilDecided(plane, triggerId);
    expect((await plane.jobs()).map(({ status }) => status)).toEqual(["scheduling"]);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    expect(await ended, Buffer.concat(log).toString()).toEqual([0, null]);
  } finally {
    child.kill("SIGKILL");
    await server.close({ graceMs: 0 });
  }
});

test("tells everything that is wrong with its configuration", async () => {
  const child = spawn(process.execPath, [program], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env["PATH"], DANUBE_CONFIG_REPO_SYNC_INTERVAL: "often" },
  });
  const log: Buffer[] = [];
  child.stderr.on("data", (chunk: Buffer) => log.push(chunk));
  expect(await once(child, "close")).toEqual([1, null]);
  expect(Buffer.concat(log).toString()).toContain("DANUBE_CONFIG_REPO_SYNC_INTERVAL");
});

function serve(plane: TestControlPlane, token: string) {
  const handlers = {
    ...plane.queries,
    ...plane.commands,
    watchChanges: (_request: unknown, { signal }: { signal: AbortSignal }): AsyncIterable<Change> =>
      plane.changes.watch(signal),
  } as unknown as Handlers<typeof serviceMethods, undefined>;
  return createRpcServer({
    methods: serviceMethods,
    handlers,
    authenticate: async (headers) => {
      if (headers.authorization !== `Bearer ${token}`) throw new DanubeError("unauthenticated", "Wrong token.");
      return undefined;
    },
    logger: silentLogger,
    maxRequestBytes: 1_048_576,
  });
}

async function untilDecided(plane: TestControlPlane, triggerId: string): Promise<void> {
  const stop = new AbortController();
  for await (const change of plane.changes.watch(stop.signal)) {
    if (change.type === "reset" && (await plane.queries.getTrigger({ triggerId })).trigger?.status !== "decided")
      continue;
    if (change.type === "reset" || (change.type === "trigger" && change.trigger.status === "decided")) break;
  }
}
