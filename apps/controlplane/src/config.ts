// What the control plane takes from the server's configuration.
import path from "node:path";
import { type Address, onLoopback, type ServerConfig } from "@danube/kit";
import type { JobTimings } from "./jobs/job-environment.ts";

export interface ControlPlaneConfig {
  readonly dataDirectory: string;
  /** The listener for Coordinators. */
  readonly jobsAddress: Address;
  /** The listener for Danube's own services. */
  readonly servicesAddress: Address;
  /** Where Coordinators reach `jobsAddress`; by default the address it really got. */
  readonly rpcUrl?: string;
  /** The services' credential; by default the one in `<data_dir>/keys/service.token`. */
  readonly serviceToken?: string;
  /** Whether pipelines may name repositories by a path of this machine. Only where jobs are this machine's processes. */
  readonly allowLocalRepositories: boolean;
  /** The largest artifact. */
  readonly maxArtifactBytes: number;
  readonly reconcileIntervalMs: number;
  /** Space kept for the day the disk is full. Absent: the database's default. */
  readonly ballastBytes?: number;
  readonly timings?: Partial<JobTimings>;
  /** The process' environment, of which Git gets what it needs to reach the network. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The defaults of what the server's configuration does not say. */
export const controlPlaneDefaults = {
  maxArtifactBytes: 5 * 1_024 ** 3,
  reconcileIntervalMs: 180_000,
} as const;

/** The part of a server's configuration that is the control plane's. */
export function toControlPlaneConfig(
  config: ServerConfig,
  environment: Readonly<Record<string, string | undefined>>,
): ControlPlaneConfig {
  const { server, runtime } = config;
  const isLocal = runtime.type === "local";
  return {
    ...controlPlaneDefaults,
    dataDirectory: path.resolve(server.dataDirectory),
    // The local runtime isolates nothing, so nobody outside of this machine may talk to it.
    jobsAddress: isLocal ? onLoopback(server.rpcAddress) : server.rpcAddress,
    servicesAddress: isLocal ? onLoopback(server.internalAddress) : server.internalAddress,
    // With port 0 the configured URL can't be right.
    ...(server.rpcAddress.port === 0 ? {} : { rpcUrl: server.rpcUrl }),
    serviceToken: server.internalToken,
    allowLocalRepositories: isLocal,
    environment,
  };
}

/** Where things lie in a data directory. */
export function dataPaths(dataDirectory: string) {
  const at = (...parts: string[]) => path.join(dataDirectory, ...parts);
  return {
    logs: at("logs"),
    artifacts: at("artifacts"),
    encryptionKey: at("keys", "encryption.key"),
    serviceToken: at("keys", "service.token"),
    localToken: at("keys", "local.token"),
    sandboxes: at("sandboxes"),
  };
}
