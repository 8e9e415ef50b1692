// A whole Danube as one real process: what `danube up` starts.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type RunningProcess, startProcess } from "./child-process.ts";
import { type DanubeApi, createDanubeApi } from "./danube-api.ts";

export const danubeCommand = fileURLToPath(new URL("../../apps/cli/dist/danube.mjs", import.meta.url));

export interface DanubeUp {
  readonly url: string;
  /** Opens the web page with a session, once. */
  readonly loginUrl: string;
  readonly dataDirectory: string;
  readonly api: DanubeApi;
  readonly process: RunningProcess;
  /** SIGTERM, and waits. */
  stop(): Promise<void>;
}

export interface DanubeUpOptions {
  readonly dataDirectory?: string;
  readonly blueprintUrl?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly detached?: boolean;
}

export const webhookSecret = "a webhook secret of the tests";

export async function startDanubeUp(options: DanubeUpOptions = {}): Promise<DanubeUp> {
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "danube-data-"));
  const blueprint = options.blueprintUrl === undefined ? [] : ["--blueprint", options.blueprintUrl];
  const running = startProcess(
    process.execPath,
    [danubeCommand, "up", "--json", "--data-dir", dataDirectory, "--port", String(options.port ?? 0), ...blueprint],
    {
      env: {
        DANUBE_WEBHOOKS_GITHUB_SECRET: webhookSecret,
        XDG_STATE_HOME: join(dataDirectory, "state"),
        ...options.env,
      },
      detached: options.detached ?? false,
    },
  );
  const ready = await running.line((line) => {
    if (!line.startsWith('{"event":"ready"')) return undefined;
    return JSON.parse(line) as { url: string; loginUrl: string; tokenFile: string };
  });
  const token = readFileSync(ready.tokenFile, "utf8").trim();
  return {
    url: ready.url,
    loginUrl: ready.loginUrl,
    dataDirectory,
    api: createDanubeApi(ready.url, token),
    process: running,
    stop: async () => {
      await running.kill("SIGTERM");
    },
  };
}
