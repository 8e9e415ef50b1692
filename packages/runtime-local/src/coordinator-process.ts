// A Coordinator's process: started in a session of its own, so that it outlives us, and with a log file instead of pipes.
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { DanubeError, sandboxFileName } from "@danube/protocol";
import { coordinatorEnvironment, type HostEnvironment } from "./job-environment.ts";
import { identify, type ProcessIdentity } from "./process-table.ts";

export interface CoordinatorOptions {
  readonly command: readonly string[];
  /** Where its sandbox.json is or will be, and its log goes. */
  readonly directory: string;
  readonly mark: string;
  readonly compileCache: string;
  readonly host: HostEnvironment;
}

export interface CoordinatorProcess {
  readonly identity: ProcessIdentity;
  /** Resolves when the process has ended; never, once `release` was called. */
  readonly ended: Promise<CoordinatorEnd>;
  /** Lets go of it: this process may end before it. */
  release(): void;
}

export interface CoordinatorEnd {
  /** How it ended, in a sentence. */
  readonly message: string;
  /** Whether a signal ended it. */
  readonly killed: boolean;
}

/** Starts a Coordinator. Rejects with `sandbox_failed` if the command cannot be started. */
export async function startCoordinator(options: CoordinatorOptions): Promise<CoordinatorProcess> {
  const { command, directory, mark, compileCache, host } = options;
  const [program, ...words] = command;
  if (program === undefined) throw new DanubeError("sandbox_failed", "No command for Coordinators is configured.");
  const log = openSync(join(directory, "output.log"), "a", 0o600);
  try {
    const child = spawn(program, [...words, join(directory, sandboxFileName)], {
      cwd: directory,
      env: coordinatorEnvironment(host, { mark, compileCache }),
      detached: true,
      stdio: ["ignore", log, log],
    });
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    if (identity === undefined) await new Promise((_, reject) => child.once("error", reject));
    const ended = new Promise<CoordinatorEnd>((resolve) => {
      child.once("exit", (code, signal) =>
        resolve({
          message: `The Coordinator ended ${signal === null ? `with exit code ${code}` : `by ${signal}`}.`,
          killed: signal !== null,
        }),
      );
    });
    child.unref();
    return { identity: identity as ProcessIdentity, ended, release: () => child.removeAllListeners("exit") };
  } catch (cause) {
    throw new DanubeError("sandbox_failed", `The Coordinator's command "${program}" cannot be started.`, { cause });
  } finally {
    closeSync(log);
  }
}
