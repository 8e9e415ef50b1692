// Runs a step's command and writes its files, as the real launcher does, in a few lines.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { RunStepRequest } from "@danube/protocol";

export interface LaunchedStep {
  /** Sends a signal to all of the command's processes. */
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<void>;
}

export function launch(options: {
  readonly runDirectory: string;
  readonly workspace: string;
  readonly request: RunStepRequest;
  /** The command dies and nothing is recorded. */
  readonly losesExit?: boolean;
}): LaunchedStep {
  const { runDirectory, workspace, request, losesExit = false } = options;
  const directory = join(runDirectory, request.stepId);
  mkdirSync(directory);
  const output = openSync(join(directory, "output"), "a");
  const stdout = request.capture ? openSync(join(directory, "stdout"), "a") : output;
  const [file = "", ...words] =
    "shell" in request.command ? ["/bin/sh", "-c", request.command.shell] : request.command.argv;
  const child: ChildProcess = spawn(file, words, {
    cwd: join(workspace, request.cwd ?? "."),
    env: { PATH: process.env["PATH"], ...request.env },
    stdio: ["ignore", stdout, output],
    detached: true,
  });
  for (const descriptor of new Set([output, stdout])) closeSync(descriptor);
  const exited = new Promise<void>((resolve) => {
    child.once("exit", (code, signal) => {
      const exitCode = code ?? 128 + constants.signals[signal as NodeJS.Signals];
      if (!losesExit) writeFileSync(join(directory, "exit"), `exit ${exitCode}\n`);
      resolve();
    });
  });
  return {
    kill(signal) {
      try {
        process.kill(-(child.pid as number), signal);
      } catch {
        // It has ended.
      }
    },
    exited,
  };
}
