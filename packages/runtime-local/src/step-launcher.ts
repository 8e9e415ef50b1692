// Steps on this machine: starts launcher.sh's supervisor directly, and does its `signal` and `probe` without a process of
// their own, on the same files (see launcher.sh).
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { DanubeError, parseExitFile, stepDirectory, stepFile, stepFileNames } from "@danube/protocol";
import type { LauncherCommand, StepProbe } from "@danube/runtime";
import { findChild, isAlive, type ProcessIdentity, signalProcess } from "./process-table.ts";

export interface StepPlace {
  readonly runDirectory: string;
  readonly stepId: string;
}

export interface LaunchOptions extends StepPlace {
  readonly launcherPath: string;
  readonly capture: boolean;
  readonly script: Uint8Array;
  readonly environment: Readonly<Record<string, string>>;
}

const answerDeadlineMs = 30_000;
let scripts = 0;

/**
 * Starts the command unless it was started before. Rejects with `exec_interrupted` when it is not known whether it was; then
 * `probeStep` tells by and by.
 */
export async function launchStep(options: LaunchOptions): Promise<StepProbe> {
  const before = probeStep(options);
  if (before.state !== "absent") return before;
  const answer = await supervise(options);
  // "lost": another call was first, and its supervisor runs the command.
  if (answer === "claimed\n" || answer === "lost\n") return probeStep(options);
  throw new DanubeError("exec_interrupted", `The step's supervisor did not start: ${JSON.stringify(answer)}.`, {
    ids: { stepId: options.stepId },
  });
}

/** What is true of a step now. */
export function probeStep({ runDirectory, stepId }: StepPlace): StepProbe {
  const claim = readOptional(stepFile(runDirectory, stepId, stepFileNames.pid));
  if (claim === undefined || claim === "") return { state: "absent" };
  const supervisor = parseClaim(claim);
  const alive = supervisor !== undefined && isAlive(supervisor);
  // The exit is looked for after the supervisor was, or its last moment could pass for a death.
  const exitCode = parseExitFile(readOptional(stepFile(runDirectory, stepId, stepFileNames.exit)) ?? "");
  if (exitCode !== undefined) return { state: "exited", exitCode };
  return { state: alive ? "running" : "dead" };
}

/** Sends a signal to the process group of a step's command, if it runs. */
export async function signalStep(
  place: StepPlace,
  signal: (LauncherCommand & { verb: "signal" })["signal"],
): Promise<StepProbe> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const probe = probeStep(place);
    if (probe.state !== "running") return probe;
    const supervisor = findSupervisor(place);
    const leader = supervisor && findChild(supervisor.pid);
    // Until the command has its session there is no such group: then once more.
    if (leader !== undefined && signalProcess(-leader, `SIG${signal}`)) return probeStep(place);
    await delay(10);
  }
  throw new DanubeError("exec_interrupted", "The step's process group cannot be signalled.", {
    ids: { stepId: place.stepId },
  });
}

/** The process that has the claim on a step, dead or alive. */
export function findSupervisor({ runDirectory, stepId }: StepPlace): ProcessIdentity | undefined {
  return parseClaim(readOptional(stepFile(runDirectory, stepId, stepFileNames.pid)) ?? "");
}

// The first line has the claim. Without its newline it was cut by a full disk; nobody can have it.
function parseClaim(content: string): ProcessIdentity | undefined {
  const match = /^(\d+) (\d+|-)\n/.exec(content);
  return match ? { pid: Number(match[1]), startTime: match[2] as string } : undefined;
}

// Resolves to what the supervisor said until it claimed, lost or ended.
function supervise(options: LaunchOptions): Promise<string> {
  const { runDirectory, stepId, launcherPath, capture, environment } = options;
  mkdirSync(stepDirectory(runDirectory, stepId), { recursive: true });
  const script = openScript(options);
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) => {
      reject(
        new DanubeError("exec_interrupted", "The step's supervisor cannot be started.", { ids: { stepId }, cause }),
      );
    };
    try {
      const words = [launcherPath, "supervise", "-", runDirectory, stepId, capture ? "1" : "0"];
      const child = spawn("/bin/sh", words, {
        cwd: runDirectory,
        env: environment,
        detached: true,
        stdio: ["ignore", "pipe", "ignore", script],
      });
      const output = child.stdout as Readable;
      child.once("error", fail);
      child.unref();
      let answer = "";
      const finish = () => {
        clearTimeout(timer);
        output.destroy();
        resolve(answer);
      };
      const timer = setTimeout(finish, answerDeadlineMs);
      output.setEncoding("utf8");
      output.on("data", (text: string) => {
        answer += text;
        if (answer === "claimed\n" || answer === "lost\n") finish();
      });
      output.once("close", finish);
    } catch (error) {
      fail(error);
    } finally {
      closeSync(script);
    }
  });
}

// The script has no name by the time the command runs: with it, whatever secrets it holds are gone.
function openScript({ runDirectory, stepId, script }: LaunchOptions): number {
  const path = `${runDirectory}/.${stepId}.${process.pid}.${++scripts}`;
  try {
    writeFileSync(path, script, { mode: 0o600 });
    return openSync(path, "r");
  } catch (cause) {
    throw new DanubeError("exec_interrupted", "The step's script cannot be written.", { ids: { stepId }, cause });
  } finally {
    rmSync(path, { force: true });
  }
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
