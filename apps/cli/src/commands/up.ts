// `danube up`: control plane, scheduler and API in one process, on loopback, with jobs as processes of this machine.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createApp as createApi, createOneTimeCodes } from "@danube/api";
import {
  createHealth,
  createLogger,
  createMetrics,
  loadServerConfig,
  type ServerConfig,
  systemClock,
} from "@danube/kit";
import { createApp as createScheduler, type Scheduler } from "@danube/scheduler";
import { type LocalServer, localServerFile } from "../connection.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { findInstallation } from "../installation.ts";
import { type LocalControlPlane, startLocalControlPlane } from "../local-control-plane.ts";
import type { Output } from "../output.ts";

export interface UpOptions {
  readonly json?: boolean;
  readonly dataDir: string;
  readonly blueprint?: string;
  readonly blueprintBranch: string;
  readonly port: string;
  readonly config?: string;
}

export interface UpSurroundings {
  readonly output: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

const host = "127.0.0.1";

export async function up(options: UpOptions, { output, environment, signal }: UpSurroundings): Promise<ExitCode> {
  const config = readConfig(options, environment);
  const logger = createLogger({ ...config.logging, name: "danube" });
  const metrics = createMetrics({ processMetrics: true });
  const installation = findInstallation();
  const stops: (() => Promise<void>)[] = [];
  try {
    const local = await startLocalControlPlane({
      dataDirectory: config.server.dataDirectory,
      preparedSandboxes: config.runtime.preparedSandboxes,
      installation,
      environment,
      logger,
      metrics,
    });
    stops.push(() => local.stop());
    hideFromGit(config.server.dataDirectory);
    const { controlPlane, paths } = local;
    const services = { queries: controlPlane.queries, commands: controlPlane.commands, changes: controlPlane.changes };

    const blueprintSource = toBlueprintSource(config);
    const scheduler = createScheduler({ ...services, blueprintSource, logger, metrics });
    scheduler.start();
    stops.push(() => scheduler.stop());
    // What arrives before the first sync would find no pipeline.
    if (blueprintSource !== undefined) await reportSync(scheduler, output);

    const oneTimeCodes = createOneTimeCodes({ clock: systemClock });
    const api = createApi({
      ...services,
      logsDirectory: paths.logs,
      artifactsDirectory: paths.artifacts,
      webhookSecrets: toWebhookSecrets(config),
      auth: { localToken: () => controlPlane.localToken, oneTimeCodes },
      health: createHealthChecks(local, logger),
      webFiles: installation.webFiles,
      logger,
      metrics,
      clock: systemClock,
    });
    const address = await api.start({ host, port: Number(options.port) });
    stops.push(() => api.stop({ graceMs: 1_000 }));

    const url = `http://${host}:${address.port}`;
    const file = localServerFile(environment);
    writeLocalServer(file, { url, tokenFile: paths.localToken, processId: process.pid });
    stops.push(async () => rmSync(file, { force: true }));
    const loginUrl = `${url}/login/once?code=${oneTimeCodes.issue({ subject: "local", permission: "admin" })}`;
    if (options.json)
      output.json({ event: "ready", url, loginUrl, tokenFile: paths.localToken, processId: process.pid });
    else announce(output, config, loginUrl);

    await aborted(signal);
    if (signal.reason === "SIGINT") await cancelJobs(local);
    return signal.reason === "SIGINT" ? exitCodes.interrupted : exitCodes.ok;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

/** Flags before the environment before the file; the runtime and the loopback address are what `up` means. */
function readConfig(options: UpOptions, environment: UpSurroundings["environment"]): ServerConfig {
  return loadServerConfig({
    ...(options.config === undefined ? {} : { file: resolve(options.config) }),
    env: {
      DANUBE_LOGGING_FORMAT: "text",
      DANUBE_LOGGING_LEVEL: "warn",
      ...environment,
      DANUBE_RUNTIME_TYPE: "local",
      DANUBE_SERVER_DATA_DIR: resolve(options.dataDir),
      DANUBE_SERVER_BIND_ADDRESS: `${host}:${options.port}`,
      ...(options.blueprint === undefined
        ? {}
        : { DANUBE_CONFIG_REPO_URL: options.blueprint, DANUBE_CONFIG_REPO_BRANCH: options.blueprintBranch }),
    },
  });
}

/** The directory lies in somebody's repository as often as not, and has keys in it. */
export function hideFromGit(dataDirectory: string): void {
  try {
    writeFileSync(join(dataDirectory, ".gitignore"), "*\n", { flag: "wx" });
  } catch {
    // It is there already, or there is no room for it.
  }
}

function toBlueprintSource({ configRepo, server }: ServerConfig) {
  const { url, branch, sshKeyPath, syncIntervalMs: intervalMs } = configRepo;
  return url === undefined
    ? undefined
    : { url, branch, sshKeyPath, intervalMs, directory: join(server.dataDirectory, "blueprint") };
}

async function reportSync(scheduler: Scheduler, output: Output): Promise<void> {
  const result = await scheduler.syncNow();
  if (result.status !== "failed") return;
  output.note(output.style("red", "The Blueprint was not applied:"));
  for (const error of result.errors) output.note(`  ${error}`);
}

function toWebhookSecrets({ webhooks }: ServerConfig) {
  const list = (secret: string | undefined) => (secret === undefined ? [] : [secret]);
  return {
    github: list(webhooks.githubSecret),
    gitlabTokens: list(webhooks.gitlabToken),
    gitlabSigningSecrets: list(webhooks.gitlabSigningSecret),
  };
}

function createHealthChecks(local: LocalControlPlane, logger: Parameters<typeof createHealth>[0]["logger"]) {
  const health = createHealth({ logger });
  const { queries, commands } = local.controlPlane;
  // The writer's own answers: a full disk is one of them.
  for (const name of ["database", "runtime"])
    health.register(name, async () => {
      const found = (await commands.health({})).checks.find((check) => check.name === name);
      return found ?? { ok: false, detail: "The control plane does not say." };
    });
  health.register("blueprint_sync", async () => {
    const [last] = (await queries.listBlueprintSyncs({ limit: 1 })).syncs;
    return last?.status === "failed" ? { ok: false, detail: last.errors[0] ?? "The last sync failed." } : { ok: true };
  });
  return health;
}

function writeLocalServer(file: string, server: LocalServer): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(server), { mode: 0o600 });
}

function announce(output: Output, config: ServerConfig, loginUrl: string): void {
  output.note(`Danube is up. Open ${output.style("bold", loginUrl)} (the link works once).`);
  output.note(
    `Data: ${config.server.dataDirectory}. Blueprint: ${withoutCredentials(config.configRepo.url) ?? "none; give one with --blueprint"}.`,
  );
  output.note(
    output.style(
      "yellow",
      "Jobs run as processes of this machine, without isolation: only for pipelines that you trust.",
    ),
  );
  output.note("Ctrl-C ends it, jobs included.");
}

/** What is printed may end in the journal of whatever starts us. */
function withoutCredentials(url: string | undefined): string | undefined {
  return url?.replace(/^(https?:\/\/)[^/@]*@/i, "$1");
}

/** After Ctrl-C nothing goes on: every job is cancelled, and its end awaited. After SIGTERM they go on and are taken up again. */
async function cancelJobs({ controlPlane }: LocalControlPlane): Promise<void> {
  const { jobs } = await controlPlane.queries.listActiveJobs({});
  const message = "Danube was stopped with Ctrl-C.";
  await Promise.all(
    jobs.map(async ({ id }) => {
      await controlPlane.commands.cancelJob({ jobId: id, actor: { subject: "local" }, message });
      await controlPlane.released(id);
    }),
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
}
