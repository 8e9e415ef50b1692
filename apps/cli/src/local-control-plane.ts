// A control plane with the local runtime in this process: the heart of `danube up` and of `danube run`.
import { type ControlPlane, composeDriver, controlPlaneDefaults, createApp, dataPaths } from "@danube/controlplane";
import type { Logger, Metrics } from "@danube/kit";
import type { Installation } from "./installation.ts";
import { listenOnKeptPort } from "./jobs-port.ts";

export interface LocalControlPlaneOptions {
  /** Absolute. */
  readonly dataDirectory: string;
  /** How many Coordinators are kept ready. */
  readonly preparedSandboxes: number;
  /** 0 for a data directory that lives as long as one command. */
  readonly ballastBytes?: number;
  readonly installation: Installation;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface LocalControlPlane {
  readonly controlPlane: ControlPlane;
  readonly paths: ReturnType<typeof dataPaths>;
  stop(): Promise<void>;
}

/** Opens the data directory and is ready to run jobs when it resolves. */
export async function startLocalControlPlane(options: LocalControlPlaneOptions): Promise<LocalControlPlane> {
  const { dataDirectory, installation, environment, logger, metrics, preparedSandboxes, ballastBytes } = options;
  const driver = await composeDriver({
    config: {
      runtime: { type: "local", preparedSandboxes },
      server: { dataDirectory },
      kubernetes: { namespaceSystem: "", namespaceJobs: "", imagePullGraceMs: 0, unschedulableGraceMs: 0 },
    },
    coordinatorCommand: [process.execPath, installation.coordinator],
    logger,
    metrics,
    environment,
  });
  const controlPlane = await createApp({
    config: { ...controlPlaneDefaults, dataDirectory, allowLocalRepositories: true, environment, ballastBytes },
    driver,
    logger,
    metrics,
  });
  try {
    await listenOnKeptPort(controlPlane, { dataDirectory, logger });
    await controlPlane.start();
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
  return {
    controlPlane,
    paths: dataPaths(dataDirectory),
    stop: () => controlPlane.stop({ graceMs: 1_000 }),
  };
}
