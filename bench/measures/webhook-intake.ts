// P7: signed webhooks a second, each durable before its answer.
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { GitRepository } from "@danube/e2e/harness";
import type { Measure } from "../measure.ts";
import { startPipelineBench } from "../pipeline-bench.ts";

const deliveries = 20_000;
const senderProgram = fileURLToPath(new URL("../webhook-sender-process.ts", import.meta.url));

export const webhookIntake: Measure = async (note) => {
  // Pushes to a branch that no pipeline wants: what is measured is the intake, not the jobs.
  const bench = await startPipelineBench(
    { noop: "export default async () => {};\n" },
    { spec: { branch_filter: ["none"] } },
  );
  try {
    const url = (bench.repositories["noop"] as GitRepository).url;
    const { perSecond, other } = await send(`${bench.danube.url}/webhooks/github`, url);
    if (other > 0) throw new Error(`${other} deliveries were not answered with 202`);
    const server = createServer((request, response) => {
      request.resume().on("end", () => response.writeHead(202, { "content-type": "application/json" }).end("{}"));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const floor = await send(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, url);
    server.close();
    note(`P7: ${perSecond.toFixed(0)} /s`);
    return [
      {
        id: "P7",
        what: "webhooks per second, signature checked, durable before the answer",
        goal: "≥ 5,000 /s",
        measured: `${perSecond.toFixed(0)} /s`,
        floor: `${floor.perSecond.toFixed(0)} /s (node:http that reads and answers)`,
        met: perSecond >= 5_000,
        numbers: { perSecond, floorPerSecond: floor.perSecond },
      },
    ];
  } finally {
    await bench.danube.stop();
  }
};

async function send(target: string, repositoryUrl: string): Promise<{ perSecond: number; other: number }> {
  const child = fork(senderProgram, [target, repositoryUrl, String(deliveries)], { stdio: "inherit" });
  const [result] = (await once(child, "message")) as [{ perSecond: number; other: number }];
  return result;
}
