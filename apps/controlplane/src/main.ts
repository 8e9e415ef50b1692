// The control plane as a process of its own.
import { fileURLToPath } from "node:url";
import { ConfigurationError, createLogger, createMetrics, createShutdown, loadServerConfig } from "@danube/kit";
import { isDanubeError } from "@danube/protocol";
import { createApp } from "./app.ts";
import { toControlPlaneConfig } from "./config.ts";
import { composeDriver } from "./driver-composition.ts";

try {
  await main();
} catch (error) {
  // What is wrong with the configuration or the data directory is told in sentences; anything else needs its stack.
  const told = error instanceof ConfigurationError || isDanubeError(error);
  process.stderr.write(`${told ? error.message : String(error instanceof Error ? error.stack : error)}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const fileArgument = process.argv.indexOf("--config");
  const server = loadServerConfig({
    ...(fileArgument === -1 ? {} : { file: process.argv[fileArgument + 1] }),
    env: process.env,
  });
  const logger = createLogger({ ...server.logging, name: "controlplane" });
  const metrics = createMetrics({ processMetrics: true });
  const config = toControlPlaneConfig(server, process.env);
  const driver = await composeDriver({
    config: { ...server, server: { ...server.server, dataDirectory: config.dataDirectory } },
    coordinatorCommand: [process.execPath, fileURLToPath(new URL("../../coordinator/src/main.ts", import.meta.url))],
    logger,
    metrics,
    environment: process.env,
  });
  const app = await createApp({ config, driver, logger, metrics });
  const shutdown = createShutdown({ logger });
  shutdown.add("the control plane", () => app.stop());
  shutdown.listen();
  const jobs = await app.listenJobs(config.jobsAddress);
  const services = await app.listenServices(config.servicesAddress);
  await app.start();
  logger.info("The control plane is ready", { jobs, services, runtime: driver.name, data: config.dataDirectory });
}
