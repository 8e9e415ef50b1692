import { spawn } from "node:child_process";
import { buildCoordinator } from "./build-coordinator.ts";

export interface RunningCoordinator {
  /** What it wrote to its own standard error, for operators. */
  stderr(): string;
  readonly ended: Promise<number | NodeJS.Signals>;
  kill(): void;
}

/** A real Coordinator in a process of its own, with a clean environment. */
export async function startCoordinator(sandboxPath: string): Promise<RunningCoordinator> {
  const child = spawn(process.execPath, [await buildCoordinator(), sandboxPath], {
    env: { PATH: process.env["PATH"], HOME: "/nonexistent" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => resolve(code ?? (signal as NodeJS.Signals)));
  });
  return { stderr: () => stderr, ended, kill: () => child.kill("SIGKILL") };
}
