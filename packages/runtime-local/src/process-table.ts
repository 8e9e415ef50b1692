// What is known of this machine's processes: who is alive, and which of them belong to a sandbox.
//
// A process belongs to a sandbox when its environment has the sandbox's mark (every process of a job begins with it), when
// it is in a session with one that belongs, is the child of one, or has its working directory in the sandbox without being
// on a terminal. So one that cleared its environment, or one that forked twice, is found as well.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The variable that marks the processes of a sandbox. Its value is a list of marks, `outer:inner`, for Danube within Danube. */
export const markVariable = "DANUBE_SANDBOX";

/** A process that cannot be mistaken for a later one with the same pid: `startTime` is in clock ticks since the machine's start. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

interface ProcessStatus extends ProcessIdentity {
  readonly state: string;
  readonly parent: number;
  readonly session: number;
  readonly hasTerminal: boolean;
}

/** Whether /proc tells about processes here (Linux). Elsewhere only pids are known. */
export const hasProc = readText("/proc/self/stat") !== undefined;

/** This start of the machine; pids and start times mean nothing across two of them. */
export const bootId = readText("/proc/sys/kernel/random/boot_id")?.trim() ?? "-";

/** The identity of a process that exists, dead but not yet reaped included. */
export function identify(pid: number): ProcessIdentity | undefined {
  if (!hasProc) return signalProcess(pid, 0) ? { pid, startTime: "-" } : undefined;
  const status = readStatus(pid);
  return status && { pid, startTime: status.startTime };
}

/** Whether exactly this process still runs. */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  if (!hasProc) return signalProcess(pid, 0);
  const status = readStatus(pid);
  return status !== undefined && status.startTime === startTime && isRunning(status);
}

/** Sends a signal to a process, or to a process group by its negative id. Returns false when there is none. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EPERM") return signal === 0;
    return false;
  }
}

/** The pid of one child of `parent`, if it has any. */
export function findChild(parent: number): number | undefined {
  const children = readText(`/proc/${parent}/task/${parent}/children`);
  // Kernels may be built without that file.
  if (children !== undefined) return Number(children.split(" ")[0]) || undefined;
  return listPids().find((pid) => readStatus(pid)?.parent === parent);
}

export interface SandboxProcesses {
  readonly marks: ReadonlySet<string>;
  /** Processes that are known to belong, whatever they look like by now. */
  readonly known: readonly ProcessIdentity[];
  /** Absolute path, symbolic links resolved, of the directory that is the sandbox's alone. */
  readonly directory: string;
  /** Tells which pids can be the sandbox's by now, counting from when it was made; all of them where it gives nothing. */
  readonly window: () => ((pid: number) => boolean) | undefined;
}

/** Every running process of a sandbox. */
export function findSandboxProcesses({ marks, known, directory, window }: SandboxProcesses): number[] {
  if (!hasProc) return known.filter(isAlive).map(({ pid }) => pid);
  const knownPids = new Map(known.map((identity) => [identity.pid, identity.startTime]));
  const candidates: ProcessStatus[] = [];
  const found = new Map<number, ProcessStatus>();
  const pids = listPids();
  const mayBelong = window();
  for (const pid of pids) {
    if (mayBelong?.(pid) === false && !knownPids.has(pid)) continue;
    const status = pid === process.pid ? undefined : readStatus(pid);
    if (status === undefined || !isRunning(status)) continue;
    candidates.push(status);
    if (knownPids.get(pid) === status.startTime || hasMark(pid, marks) || isInside(status, directory))
      found.set(pid, status);
  }
  for (let size = -1; size !== found.size; ) {
    size = found.size;
    const sessions = new Set([...found.values()].map(({ session }) => session));
    for (const status of candidates)
      if (found.has(status.parent) || sessions.has(status.session)) found.set(status.pid, status);
  }
  return [...found.keys()];
}

/** The pid of the process that leads its session and begins with this mark: a Coordinator whose record was lost. */
export function findSessionLeader(mark: string): ProcessIdentity | undefined {
  for (const pid of hasProc ? listPids() : []) {
    const status = readStatus(pid);
    if (status !== undefined && isRunning(status) && status.session === pid && hasMark(pid, new Set([mark])))
      return { pid, startTime: status.startTime };
  }
  return undefined;
}

function listPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => name >= "0" && name < ":")
    .map(Number);
}

// See proc(5). The name of a program, in parentheses, may hold anything; the fields are counted from the last one on.
function readStatus(pid: number): ProcessStatus | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    pid,
    state: fields[0] ?? "",
    parent: Number(fields[1]),
    session: Number(fields[3]),
    hasTerminal: fields[4] !== "0",
    startTime: fields[19] ?? "",
  };
}

function isRunning({ state }: ProcessStatus): boolean {
  return state !== "Z" && state !== "X";
}

function hasMark(pid: number, marks: ReadonlySet<string>): boolean {
  const environment = readText(`/proc/${pid}/environ`);
  if (environment === undefined || !environment.includes(markVariable)) return false;
  const entry = environment.split("\0").find((line) => line.startsWith(`${markVariable}=`));
  return (
    entry !== undefined &&
    entry
      .slice(markVariable.length + 1)
      .split(":")
      .some((mark) => marks.has(mark))
  );
}

function isInside({ pid, hasTerminal }: ProcessStatus, directory: string): boolean {
  if (hasTerminal) return false;
  try {
    const workingDirectory = readlinkSync(`/proc/${pid}/cwd`);
    return workingDirectory === directory || workingDirectory.startsWith(`${directory}/`);
  } catch {
    return false;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
