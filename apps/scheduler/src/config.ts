// What the scheduler takes from the server's configuration.
import { readFileSync } from "node:fs";
import path from "node:path";
import { type LoggerOptions, loadServerConfig } from "@danube/kit";
import type { BlueprintSource } from "./blueprint-sync.ts";

export interface SchedulerConfig {
  /** The control plane's listener for services. */
  readonly controlPlaneUrl: string;
  /** The services' credential: configured, or what the control plane keeps in its data directory. Throws while it has none. */
  readonly token: () => string;
  readonly blueprintSource: BlueprintSource | undefined;
  readonly logging: Pick<LoggerOptions, "level" | "format">;
}

/** Reads `--config <file>`, that file and the environment. Throws a ConfigurationError with everything that is wrong. */
export function loadConfig(args: readonly string[], env: NodeJS.ProcessEnv): SchedulerConfig {
  const at = args.indexOf("--config");
  const { server, configRepo, logging } = loadServerConfig({ ...(at === -1 ? {} : { file: args[at + 1] }), env });
  const { url, branch, syncIntervalMs, sshKeyPath } = configRepo;
  const tokenFile = path.resolve(server.dataDirectory, "keys", "service.token");
  return {
    controlPlaneUrl: server.internalUrl,
    token: () => server.internalToken ?? readFileSync(tokenFile, "utf8").trim(),
    blueprintSource:
      url === undefined
        ? undefined
        : {
            url,
            branch,
            sshKeyPath,
            intervalMs: syncIntervalMs,
            directory: path.resolve(server.dataDirectory, "blueprint"),
          },
    logging,
  };
}
