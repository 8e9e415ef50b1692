// Which server a command talks to, and with which token.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CliError } from "./cli-error.ts";
import { exitCodes } from "./exit-codes.ts";

export interface Connection {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: string | undefined;
}

export interface ConnectionOptions {
  readonly url?: string;
  readonly tokenFile?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What `danube up` leaves behind for the other commands of the same user. */
export const LocalServer = z.object({ url: z.url(), tokenFile: z.string(), processId: z.number().int() });
export type LocalServer = z.infer<typeof LocalServer>;

/** The file in which `danube up` says where it listens. */
export function localServerFile(environment: Environment): string {
  const state = environment["XDG_STATE_HOME"] ?? join(environment["HOME"] ?? ".", ".local", "state");
  return join(state, "danube", "local-server.json");
}

/** Flags first, then DANUBE_URL and DANUBE_TOKEN (or DANUBE_TOKEN_FILE), then this user's running `danube up`. */
export function resolveConnection(options: ConnectionOptions, environment: Environment): Connection {
  const url = options.url ?? environment["DANUBE_URL"];
  if (url !== undefined) {
    if (!URL.canParse(url)) throw new CliError(`"${url}" is not a URL; write it as http://host:8080.`, exitCodes.usage);
    const tokenFile = options.tokenFile ?? environment["DANUBE_TOKEN_FILE"];
    return {
      url: url.replace(/\/+$/, ""),
      token: tokenFile === undefined ? environment["DANUBE_TOKEN"] : readToken(tokenFile),
    };
  }
  const local = findLocalServer(environment);
  if (local === undefined) {
    throw new CliError(
      "No server is known: start one with `danube up`, or name one with --url or DANUBE_URL.",
      exitCodes.unreachable,
    );
  }
  return { url: local.url, token: environment["DANUBE_TOKEN"] ?? readToken(local.tokenFile) };
}

function findLocalServer(environment: Environment): LocalServer | undefined {
  try {
    const server = LocalServer.parse(JSON.parse(readFileSync(localServerFile(environment), "utf8")));
    // It was killed, and somebody else of this machine may have its port by now: no token is sent there.
    return isRunning(server.processId) ? server : undefined;
  } catch {
    return undefined; // absent or half-written: there is no local server to talk to
  }
}

function isRunning(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch {
    return false; // gone, or another user's by now
  }
}

function readToken(file: string): string {
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw new Error("others can read it; run chmod 600");
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw new CliError(`The token file ${file} cannot be used: ${(cause as Error).message}.`, exitCodes.notAllowed, {
      cause,
    });
  }
}
