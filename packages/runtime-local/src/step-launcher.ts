// Steps on this machine: has launcher.sh's supervisor started, and does its `signal` and `probe` without a process of their
// own, on the same files (see launcher.sh).
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { DanubeError, parseExitFile, stepDirectory, stepFile, stepFileNames } from "@danube/protocol";
import type { LauncherCommand, StepProbe } from "@danube/runtime";
import { findChild, isAlive, type ProcessIdentity, signalProcess } from "./process-table.ts";
import type { SupervisorStarter } from "./supervisor-starter.ts";

export interface StepPlace {
  readonly runDirectory: string;
  readonly stepId: string;
}

export interface LaunchOptions extends StepPlace {
  readonly starter: SupervisorStarter;
  readonly capture: boolean;
  readonly script: Uint8Array;
  readonly environmentPath: string;
  readonly mark: string;
}

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
  if (answer === "claimed" || answer === "lost") return probeStep(options);
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

// The script has no name by the time the launch is known: with it, whatever secrets it holds are gone.
async function supervise({ starter, script, ...options }: LaunchOptions): Promise<string> {
  const { runDirectory, stepId } = options;
  const scriptPath = `${runDirectory}/.${stepId}.${process.pid}.${++scripts}`;
  try {
    mkdirSync(stepDirectory(runDirectory, stepId), { recursive: true });
    writeFileSync(scriptPath, script, { mode: 0o600 });
    return await starter.start({ ...options, scriptPath });
  } catch (cause) {
    throw new DanubeError("exec_interrupted", "The step's script cannot be written.", { ids: { stepId }, cause });
  } finally {
    rmSync(scriptPath, { force: true });
  }
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
