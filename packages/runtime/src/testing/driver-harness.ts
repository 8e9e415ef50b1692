// What the contract suite needs besides a driver, and how its tests look at things.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { StepCommand, StepFileName } from "@danube/protocol";
import type { RuntimeDriver, SandboxObservation, SandboxSpec, StepProbe } from "../driver.ts";
import { buildStepScript, type StepScriptOptions } from "../step-script.ts";

/** One environment in which a driver is tested. Each test gets a new one. */
export interface DriverHarness {
  /** Not started yet. */
  readonly driver: RuntimeDriver;
  /** Whether commands really run. A driver that runs none knows `exit <n>` and takes everything else for endless. */
  readonly runsCommands: boolean;
  /** The specification of a new job, with images in which a POSIX shell and the usual programs are. */
  spec(): SandboxSpec;
  /** A new driver, not started, on the same sandboxes, after the one before was lost without a farewell. */
  restart(): Promise<RuntimeDriver>;
  /** What is in a step's file now; undefined if there is none. */
  readStepFile(jobId: string, stepId: string, name: StepFileName): Promise<Buffer | undefined>;
  /** Lets the sandbox's Coordinator end. */
  endCoordinator(jobId: string): Promise<void>;
  /** A line for each thing, process or file, that is left of a job. */
  leftovers(jobId: string): Promise<string[]>;
  /** Ends whatever the test left. */
  close(): Promise<void>;
}

/** A new id for a job or step. */
export function newTestId(): string {
  return randomUUID().replace(/^(.{14})./, "$17");
}

/** Every observation of a driver from now on, and a wait for one to come. */
export function recordObservations(driver: RuntimeDriver) {
  const seen: SandboxObservation[] = [];
  const waiting = new Set<() => void>();
  driver.onObservation((observation) => {
    seen.push(observation);
    for (const look of waiting) look();
  });
  return {
    of: (jobId: string) => seen.filter((observation) => observation.jobId === jobId),
    async waitFor<P extends SandboxObservation["phase"]>(jobId: string, phase: P, timeoutMs = 60_000) {
      type Wanted = Extract<SandboxObservation, { phase: P }>;
      const find = () => seen.find((it) => it.jobId === jobId && it.phase === phase) as Wanted | undefined;
      return await new Promise<Wanted>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`No observation "${phase}" of ${jobId} came.`)), timeoutMs);
        const look = () => {
          const found = find();
          if (found === undefined) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      });
    },
  };
}

export interface RunOptions extends Omit<StepScriptOptions, "command"> {
  readonly stepId?: string;
  readonly capture?: boolean;
}

/** Launches a command, a shell's if it is text, and tells the step's id. */
export async function launch(
  driver: RuntimeDriver,
  jobId: string,
  command: string | readonly string[],
  { stepId = newTestId(), capture = false, ...rest }: RunOptions = {},
): Promise<{ stepId: string; probe: StepProbe }> {
  const stepCommand: StepCommand = typeof command === "string" ? { shell: command } : { argv: [...command] };
  const script = buildStepScript({ command: stepCommand, ...rest });
  return { stepId, probe: await driver.exec(jobId, undefined, { verb: "launch", stepId, capture, script }) };
}

/** Waits until a step no longer runs. */
export async function waitForEnd(driver: RuntimeDriver, jobId: string, stepId: string): Promise<StepProbe> {
  return await eventually(async () => {
    const probe = await driver.exec(jobId, undefined, { verb: "probe", stepId });
    return probe.state === "running" ? undefined : probe;
  }, `the end of step ${stepId}`);
}

/** Waits for what no event announces: asks until the answer is not undefined. */
export async function eventually<T>(ask: () => Promise<T | undefined>, what: string, timeoutMs = 15_000): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`Waited ${timeoutMs} ms for ${what}.`);
    await delay(5);
  }
}
