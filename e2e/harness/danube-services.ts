// The same Danube as three real processes that can be killed one by one.
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunningProcess, startProcess } from "./child-process.ts";
import { createDanubeApi, type DanubeApi } from "./danube-api.ts";
import { webhookSecret } from "./danube-up.ts";

export const serviceNames = ["controlplane", "api", "scheduler"] as const;
export type ServiceName = (typeof serviceNames)[number];

export interface DanubeServices {
  readonly url: string;
  readonly dataDirectory: string;
  readonly api: DanubeApi;
  /** kill -9, and waits until it is dead. */
  kill(service: ServiceName): Promise<void>;
  /** Starts it (again) and waits until it listens. */
  start(service: ServiceName): Promise<void>;
  stop(): Promise<void>;
  /** What all of them have printed, for a failure's message. */
  output(): string;
}

export async function startDanubeServices(options: {
  readonly blueprintUrl: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The address of this machine at which jobs reach the control plane. */
  readonly rpcHost?: string;
}): Promise<DanubeServices> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "danube-data-"));
  const [apiPort, rpcPort, internalPort] = await freePorts(3);
  const env = {
    DANUBE_SERVER_BIND_ADDRESS: `127.0.0.1:${apiPort}`,
    DANUBE_SERVER_RPC_ADDRESS: `${options.rpcHost ?? "127.0.0.1"}:${rpcPort}`,
    DANUBE_SERVER_INTERNAL_ADDRESS: `127.0.0.1:${internalPort}`,
    DANUBE_SERVER_DATA_DIR: dataDirectory,
    DANUBE_CONFIG_REPO_URL: options.blueprintUrl,
    DANUBE_CONFIG_REPO_SYNC_INTERVAL: "1s",
    DANUBE_RUNTIME_TYPE: "local",
    DANUBE_WEBHOOKS_GITHUB_SECRET: webhookSecret,
    DANUBE_LOGGING_FORMAT: "json",
    ...options.env,
  };
  const running = new Map<ServiceName, RunningProcess>();
  let printed = "";

  async function start(service: ServiceName): Promise<void> {
    const main = fileURLToPath(new URL(`../../apps/${service}/src/main.ts`, import.meta.url));
    const started = startProcess(process.execPath, [main], { env });
    running.set(service, started);
    await started.line((line) => (/"message":"[^"]* is ready"/.test(line) ? true : undefined));
  }

  async function end(service: ServiceName, signal: NodeJS.Signals): Promise<void> {
    const service_ = running.get(service);
    running.delete(service);
    if (service_ === undefined) return;
    await service_.kill(signal);
    printed += `--- ${service}\n${service_.output()}\n`;
  }

  for (const service of serviceNames) await start(service);
  // What arrives before the first sync would find no pipeline.
  await running
    .get("scheduler")
    ?.line((line) => (/"message":"[^"]*[Bb]lueprint[^"]*applied/.test(line) ? true : undefined));
  const token = readFileSync(join(dataDirectory, "keys", "local.token"), "utf8").trim();
  const url = `http://127.0.0.1:${apiPort}`;
  return {
    url,
    dataDirectory,
    api: createDanubeApi(url, token),
    kill: (service) => end(service, "SIGKILL"),
    start,
    async stop() {
      for (const service of [...serviceNames].reverse()) await end(service, "SIGTERM");
    },
    output: () => [printed, ...[...running].map(([service, child]) => `--- ${service}\n${child.output()}`)].join("\n"),
  };
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer().listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
