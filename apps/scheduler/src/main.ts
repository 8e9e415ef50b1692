// The scheduler as a process of its own.
import { ConfigurationError, createLogger, createMetrics, createShutdown } from "@danube/kit";
import { serviceMethods } from "@danube/protocol";
import { createRpcClient, resubscribe } from "@danube/rpc";
import { createApp } from "./app.ts";
import { loadConfig } from "./config.ts";

try {
  main();
} catch (error) {
  const told = error instanceof ConfigurationError;
  process.stderr.write(`${told ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
  process.exitCode = 1;
}

function main(): void {
  const config = loadConfig(process.argv.slice(2), process.env);
  const logger = createLogger({ ...config.logging, name: "scheduler" });
  const client = createRpcClient({
    url: config.controlPlaneUrl,
    methods: serviceMethods,
    token: config.token,
    logger,
  });
  const app = createApp({
    queries: client,
    commands: client,
    changes: {
      watch: (signal) =>
        resubscribe((attempt) => client.watchChanges({}, { signal: attempt }), { name: "changes", signal, logger }),
    },
    blueprintSource: config.blueprintSource,
    logger,
    metrics: createMetrics({ processMetrics: true }),
  });
  const shutdown = createShutdown({ logger });
  shutdown.add("the connection to the control plane", () => client.close());
  shutdown.add("the scheduler", () => app.stop());
  shutdown.listen();
  // Waiting for a control plane that is away would not keep the process alive by itself.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  shutdown.add("the wait for work", () => clearInterval(keepAlive));
  app.start();
  logger.info("The scheduler is ready", { controlPlane: config.controlPlaneUrl });
}
