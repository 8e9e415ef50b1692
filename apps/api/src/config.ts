// What the API's own process takes from the server's configuration.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Address, type LoggerOptions, loadServerConfig, onLoopback } from "@danube/kit";
import type { WebhookSecrets } from "./dependencies.ts";

export interface ApiConfig {
  readonly bindAddress: Address;
  /** Where people reach it, without a slash at the end. */
  readonly publicUrl: string;
  readonly dataDirectory: string;
  readonly logsDirectory: string;
  readonly artifactsDirectory: string;
  /** The control plane's listener for services. */
  readonly controlPlaneUrl: string;
  /** The services' credential: configured, or what the control plane keeps in its data directory. Throws while it has none. */
  readonly serviceToken: () => string;
  /** The credential of whoever can read the data directory, from there; undefined while it has none. */
  readonly localToken: () => string | undefined;
  readonly webhookSecrets: WebhookSecrets;
  readonly sessionLifetimeMs: number;
  /** The built web UI, if it is installed. */
  readonly webFiles: string | undefined;
  readonly logging: Pick<LoggerOptions, "level" | "format">;
}

/** Reads `--config <file>`, that file and the environment. Throws a ConfigurationError with everything that is wrong. */
export function loadConfig(args: readonly string[], env: NodeJS.ProcessEnv): ApiConfig {
  const { server, runtime, auth, webhooks, logging } = loadServerConfig({ file: flag(args, "--config"), env });
  const data = path.resolve(server.dataDirectory);
  const list = (secret: string | undefined): string[] => (secret === undefined ? [] : [secret]);
  return {
    // The local runtime isolates nothing, so nobody outside of this machine may talk to it.
    bindAddress: runtime.type === "local" ? onLoopback(server.bindAddress) : server.bindAddress,
    publicUrl: server.publicUrl,
    dataDirectory: data,
    logsDirectory: path.join(data, "logs"),
    artifactsDirectory: path.join(data, "artifacts"),
    controlPlaneUrl: server.internalUrl,
    serviceToken: () => server.internalToken ?? readFileSync(path.join(data, "keys", "service.token"), "utf8").trim(),
    localToken: () => readIfThere(path.join(data, "keys", "local.token")),
    webhookSecrets: {
      github: list(webhooks.githubSecret),
      gitlabTokens: list(webhooks.gitlabToken),
      gitlabSigningSecrets: list(webhooks.gitlabSigningSecret),
    },
    sessionLifetimeMs: auth.sessionDurationMs,
    webFiles: flag(args, "--web-files") ?? findWebFiles(),
    logging,
  };
}

function readIfThere(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
}

function flag(args: readonly string[], name: string): string | undefined {
  const at = args.indexOf(name);
  return at === -1 ? undefined : args[at + 1];
}

/** Beside this program, where the build puts it. */
function findWebFiles(): string | undefined {
  const directory = fileURLToPath(new URL("../../web/dist", import.meta.url));
  return existsSync(directory) ? directory : undefined;
}
