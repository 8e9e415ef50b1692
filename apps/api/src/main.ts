// The API as a process of its own, on the writer's volume.
import {
  ConfigurationError,
  createHealth,
  createLogger,
  createMetrics,
  createShutdown,
  type Health,
  systemClock,
} from "@danube/kit";
import { type Commands, type Queries, serviceMethods } from "@danube/protocol";
import { createRpcClient, resubscribe } from "@danube/rpc";
import { createApp } from "./app.ts";
import { loadConfig } from "./config.ts";
import { createLazyQueries } from "./lazy-queries.ts";

try {
  await main();
} catch (error) {
  const told = error instanceof ConfigurationError;
  process.stderr.write(`${told ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const config = loadConfig(process.argv.slice(2), process.env);
  const logger = createLogger({ ...config.logging, name: "api" });
  const metrics = createMetrics({ processMetrics: true });
  const shutdown = createShutdown({ logger });
  const client = createRpcClient({
    url: config.controlPlaneUrl,
    methods: serviceMethods,
    token: config.serviceToken,
    logger,
  });
  shutdown.add("the connection to the control plane", () => client.close());
  const database = createLazyQueries({ dataDirectory: config.dataDirectory, metrics });
  shutdown.add("the database", () => database.close());
  const health = createHealth({ logger });
  addChecks(health, database.queries, client);

  const api = createApp({
    queries: database.queries,
    commands: client,
    changes: {
      watch: (signal) =>
        resubscribe((attempt) => client.watchChanges({}, { signal: attempt }), { name: "changes", signal, logger }),
    },
    logsDirectory: config.logsDirectory,
    artifactsDirectory: config.artifactsDirectory,
    webhookSecrets: config.webhookSecrets,
    auth: { localToken: config.localToken, publicUrl: config.publicUrl, sessionLifetimeMs: config.sessionLifetimeMs },
    logger,
    metrics,
    health,
    clock: systemClock,
    webFiles: config.webFiles,
  });
  const address = await api.start(config.bindAddress);
  shutdown.add("the API", () => api.stop());
  shutdown.listen();
  logger.info("The API is ready", { ...address, controlPlane: config.controlPlaneUrl });
}

function addChecks(health: Health, queries: Queries, commands: Pick<Commands, "health">): void {
  health.register("database", async () => {
    await queries.ping({});
    return { ok: true };
  });
  health.register("runtime", async () => {
    const { checks } = await commands.health({});
    return checks.find(({ ok }) => !ok) ?? { ok: true };
  });
  health.register("blueprint_sync", async () => {
    const [last] = (await queries.listBlueprintSyncs({ limit: 1 })).syncs;
    return last?.status === "failed" ? { ok: false, detail: last.errors[0] ?? "The last sync failed." } : { ok: true };
  });
}
