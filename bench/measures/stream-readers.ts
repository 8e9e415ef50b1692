// P6: many readers of one live log: how long a line takes from the command's write to a reader's socket.
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { deliver, type GitRepository, githubPush, webhookSecret } from "@danube/e2e/harness";
import { type Measure, ms, percentile, residentMiB, watchResidentMiB } from "../measure.ts";
import { startPipelineBench } from "../pipeline-bench.ts";

const readers = 1_000;
const eventsPerSecond = 50;
const seconds = 10;
const readersProgram = fileURLToPath(new URL("../stream-readers-process.ts", import.meta.url));

// The command starts to print only when the file is there, so that all readers are connected before.
const command = `node -e 'const fs=require("fs");const go=()=>fs.existsSync("go")?run():setTimeout(go,50);let n=0;const run=()=>{const t=setInterval(()=>{process.stdout.write("t="+(performance.timeOrigin+performance.now()).toFixed(3)+"\\n");if(++n>=${eventsPerSecond * seconds})clearInterval(t)},${1_000 / eventsPerSecond})};go()'`;
const script = `export default async ({ step, ctx }) => { console.log("workspace=" + ctx.workspace); await step.run(${JSON.stringify(command)}); };\n`;

export const streamReaders: Measure = async (note) => {
  const bench = await startPipelineBench({ ticks: script });
  try {
    const { danube } = bench;
    const { status } = await deliver(
      danube.url,
      githubPush(bench.repositories["ticks"] as GitRepository, webhookSecret),
    );
    if (status !== 202) throw new Error(`the webhook was answered with ${status}`);
    const job = await danube.api.jobWhere((candidate) => candidate.status === "running");
    const workspace = await workspaceOf(danube, job.id);
    const token = readFileSync(join(danube.dataDirectory, "keys", "local.token"), "utf8").trim();
    const before = await residentMiB(danube.process.pid);
    const latencies = measureReaders(`${danube.url}/api/v1/jobs/${job.id}/logs/stream`, token, async () => {
      const { writeFileSync } = await import("node:fs");
      writeFileSync(join(workspace, "go"), "");
    });
    const watch = watchResidentMiB(danube.process.pid);
    const found = await latencies;
    const peak = watch.stop();
    const expected = readers * eventsPerSecond * seconds;
    if (found.received < expected) throw new Error(`readers saw ${found.received} of ${expected} lines`);
    const floor = await floorLatency();
    note(
      `P6: ${found.received} lines to ${readers} readers; p50 ${found.p50.toFixed(1)} ms; ${before.toFixed(0)} → ${peak.toFixed(0)} MiB`,
    );
    return [
      {
        id: "P6",
        what: `${readers} SSE readers of one log at ${eventsPerSecond} events/s`,
        goal: "p99 ≤ 50 ms, ≤ 150 MiB",
        measured: `p99 ${ms(found.p99)}, ${peak.toFixed(0)} MiB`,
        floor: `p99 ${ms(floor)} (bare sockets)`,
        met: found.p99 <= 50 && peak <= 150,
        numbers: { p50Ms: found.p50, p99Ms: found.p99, peakMiB: peak, floorP99Ms: floor },
      },
    ];
  } finally {
    await bench.danube.stop();
  }
};

async function workspaceOf(
  danube: { api: { logEvents(jobId: string): AsyncIterable<{ event: string; data: unknown }> } },
  jobId: string,
): Promise<string> {
  let text = "";
  for await (const { event, data } of danube.api.logEvents(jobId)) {
    if (event === "log") text += (data as { text: string }).text;
    const found = /workspace=(.*)\n/.exec(text)?.[1];
    if (found !== undefined) return found;
  }
  throw new Error("the pipeline did not say where its workspace is");
}

/** Connects all readers in a process of their own, calls `go` when they are, and resolves when every line was seen. */
async function measureReaders(
  url: string,
  token: string,
  go: () => Promise<void>,
): Promise<{ received: number; p50: number; p99: number }> {
  const child = fork(readersProgram, [url, token, String(readers), String(eventsPerSecond * seconds)], {
    stdio: "inherit",
  });
  await once(child, "message");
  await go();
  const [result] = (await once(child, "message")) as [{ received: number; p50: number; p99: number }];
  child.kill();
  return result;
}

/** The same fan-out by a server that does nothing but write one buffer to every socket. */
async function floorLatency(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    socket.on("error", () => sockets.delete(socket));
    sockets.add(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const lines = eventsPerSecond * seconds;
  const result = await measureReaders(`http://127.0.0.1:${port}/`, "none", async () => {
    let sent = 0;
    const timer = setInterval(() => {
      const frame = Buffer.from(`t=${(performance.timeOrigin + performance.now()).toFixed(3)}\\n`);
      for (const socket of sockets) socket.write(frame);
      sent += 1;
      if (sent === lines) clearInterval(timer);
    }, 1_000 / eventsPerSecond);
  });
  for (const socket of sockets) socket.destroy();
  server.close();
  return percentile([result.p99], 1);
}
