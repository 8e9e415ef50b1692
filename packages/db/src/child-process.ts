// Runs a fixture as a process of its own, so that tests can kill it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

export interface Fixture {
  readonly pid: number;
  /** The next line it prints; rejects if it ends without one. */
  readonly nextLine: () => Promise<string>;
  /** Kills it as a power cut would, and resolves when it is gone. */
  readonly kill: () => Promise<void>;
  readonly ended: Promise<unknown>;
}

/** Starts `fixtures/<name>.ts` with arguments. It does not outlive the test. */
export function startFixture(name: string, ...parameters: string[]): Fixture {
  const file = fileURLToPath(new URL(`fixtures/${name}.ts`, import.meta.url));
  const child = spawn(process.execPath, [file, ...parameters], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const kill = () => killAndWait(child, ended);
  onTestFinished(kill);
  return {
    pid: child.pid ?? 0,
    ended,
    kill,
    nextLine: async () => {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`The fixture ${name} ended without another line.`);
      return value;
    },
  };
}

async function killAndWait(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill("SIGKILL");
  await ended;
}
