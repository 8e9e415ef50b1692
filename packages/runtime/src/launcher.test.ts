// launcher.sh by its command line, as it is called in a Pod: under /bin/sh with the system's programs, and under busybox
// with nothing else.
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DanubeError, PipelineSpec, stepFile } from "@danube/protocol";
import { afterEach, describe, expect, it } from "vitest";
import type { LauncherCommand, RuntimeDriver, SandboxObservation, StepProbe } from "./driver.ts";
import { type LauncherPlace, launcherArguments, parseLauncherAnswer } from "./launcher.ts";
import { launcherScript } from "./launcher/launcher-script.ts";
import { buildStepScript } from "./step-script.ts";
import { describeCommandContract } from "./testing/command-contract.ts";
import { type DriverHarness, eventually, newTestId } from "./testing/driver-harness.ts";

const launcherPath = join(import.meta.dirname, "launcher", "launcher.sh");
const busybox = "/bin/busybox";
const places = [
  ["/bin/sh", undefined],
  ["busybox", busybox],
] as const;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

interface World extends LauncherPlace {
  readonly workspace: string;
  readonly environment: Record<string, string>;
}

function makeWorld(jobId: string, busyboxPath: string | undefined): World {
  const root = mkdtempSync(join(tmpdir(), "danube-launcher-"));
  const runDirectory = join(root, "run directory");
  const workspace = join(root, "workspace");
  mkdirSync(runDirectory);
  mkdirSync(workspace);
  cleanups.push(() => {
    for (const step of readdirSync(runDirectory)) killStep(join(runDirectory, step));
    rmSync(root, { recursive: true, force: true });
  });
  const path = process.env["PATH"] ?? "/usr/bin:/bin";
  const environment = { PATH: path, CI: "true", DANUBE: "true", DANUBE_JOB_ID: jobId, DANUBE_WORKSPACE: workspace };
  return { busybox: busyboxPath, launcherPath, runDirectory, workspace, environment };
}

function killStep(step: string): void {
  const supervisor = Number(existsSync(join(step, "pid")) ? readFileSync(join(step, "pid"), "utf8").split(" ")[0] : 0);
  // Only what certainly is the step's.
  if (supervisor === 0 || !existsSync(`/proc/${supervisor}/cmdline`)) return;
  if (!readFileSync(`/proc/${supervisor}/cmdline`, "utf8").includes(step.slice(0, step.lastIndexOf("/")))) return;
  const child = Number(readFileSync(`/proc/${supervisor}/task/${supervisor}/children`, "utf8").trim());
  process.kill(supervisor, "SIGKILL");
  for (const target of child === 0 ? [] : [child, -child]) spawnSync("kill", ["-KILL", "--", String(target)]);
}

async function ask(world: World, command: LauncherCommand): Promise<StepProbe> {
  const [program, ...words] = launcherArguments(world, command);
  const child = spawn(program as string, words, { env: world.environment, stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.on("error", () => undefined);
  // No end of input: as over an Exec connection, which has none.
  if (command.verb === "launch") child.stdin.write(command.script);
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  const status = await new Promise((resolve) => child.once("close", resolve));
  child.stdin.destroy();
  if (status !== 0) throw new DanubeError("exec_interrupted", `status ${String(status)}: ${output}`);
  return parseLauncherAnswer(output);
}

// Just enough of a driver for the contract of commands.
function makeHarness(busyboxPath: string | undefined): DriverHarness {
  const jobId = newTestId();
  const world = makeWorld(jobId, busyboxPath);
  const listeners: ((observation: SandboxObservation) => void)[] = [];
  const refuse = () => Promise.reject(new Error("not part of this test"));
  const pipeline = PipelineSpec.parse({ repository: "https://example.com/repository.git" });
  const driver: RuntimeDriver = {
    name: "fake",
    isolation: "none",
    start: async () => {},
    stop: async () => {},
    createSandbox: async () => {
      for (const listener of listeners) listener({ jobId, phase: "ready" });
    },
    onObservation: (listener) => {
      listeners.push(listener);
      return () => {};
    },
    listSandboxes: refuse,
    deleteSandbox: refuse,
    check: refuse,
    exec: (_, __, command) => ask(world, command),
  };
  return {
    driver,
    runsCommands: true,
    spec: () => ({
      jobId,
      pipelineName: "pipeline",
      worker: pipeline.worker,
      workers: {},
      services: {},
      workspaceSizeGb: 1,
      maxDurationSeconds: 60,
      token: "token",
      rpcUrl: "http://127.0.0.1:9000",
    }),
    readStepFile: (_, stepId, name) => readFile(stepFile(world.runDirectory, stepId, name)).catch(() => undefined),
    restart: refuse,
    endCoordinator: refuse,
    leftovers: refuse,
    close: async () => {},
  };
}

describe.each(places)("launcher under %s", (_, busyboxPath) => {
  describe.skipIf(busyboxPath !== undefined && !existsSync(busyboxPath))("by its command line", () => {
    describeCommandContract(async () => makeHarness(busyboxPath));

    it("starts nothing from a script that is not complete", async () => {
      const world = makeWorld(newTestId(), busyboxPath);
      const stepId = newTestId();
      const script = buildStepScript({ command: { shell: "touch ran" } });
      const [program, ...words] = launcherArguments(world, { verb: "launch", stepId, capture: false, script });
      for (const length of [0, 1, script.length >> 1, script.length - 1]) {
        const { status, stdout } = spawnSync(program as string, words, {
          env: world.environment,
          input: script.subarray(0, length),
        });
        expect(status).toBe(70);
        expect(stdout.toString()).toContain(`${length} of ${script.length} bytes`);
        expect(await ask(world, { verb: "probe", stepId })).toEqual({ state: "absent" });
      }
      expect(readdirSync(world.runDirectory)).toEqual([stepId]);
      expect(existsSync(join(world.workspace, "ran"))).toBe(false);
    });

    it("leaves the script nowhere, and nothing of it in any argument of its own", async () => {
      const world = makeWorld(newTestId(), busyboxPath);
      const stepId = newTestId();
      const script = buildStepScript({ command: { argv: ["sleep", "600"] }, env: { SECRET: "hunter22" } });
      await ask(world, { verb: "launch", stepId, capture: false, script });
      expect(readdirSync(world.runDirectory)).toEqual([stepId]);
      const supervisor = readFileSync(stepFile(world.runDirectory, stepId, "pid"), "utf8").split(" ")[0];
      expect(readFileSync(`/proc/${supervisor}/cmdline`, "utf8")).not.toContain("hunter22");
      expect(readFileSync(`/proc/${supervisor}/environ`, "utf8")).not.toContain("hunter22");
    });

    it("tells of a supervisor that was killed as dead, and never starts the step again", async () => {
      const world = makeWorld(newTestId(), busyboxPath);
      const stepId = newTestId();
      const script = buildStepScript({ command: { shell: "echo run >> runs; sleep 600" } });
      const launch = () => ask(world, { verb: "launch", stepId, capture: false, script });
      expect(await launch()).toEqual({ state: "running" });
      const runs = join(world.workspace, "runs");
      const readRuns = async () => (await readFile(runs, "utf8").catch(() => "")) || undefined;
      await eventually(readRuns, "the command");
      killStep(join(world.runDirectory, stepId));
      await eventually(
        async () => ((await ask(world, { verb: "probe", stepId })).state === "dead" ? true : undefined),
        "the supervisor's death",
      );
      expect(await launch()).toEqual({ state: "dead" });
      expect(await ask(world, { verb: "signal", stepId, signal: "TERM" })).toEqual({ state: "dead" });
      expect(readFileSync(runs, "utf8")).toBe("run\n");
    });

    it("takes another process with the supervisor's pid for another", async () => {
      const world = makeWorld(newTestId(), busyboxPath);
      const stepId = newTestId();
      mkdirSync(join(world.runDirectory, stepId));
      const claim = stepFile(world.runDirectory, stepId, "pid");
      writeFileSync(claim, `${process.pid} 1\n`);
      expect(await ask(world, { verb: "probe", stepId })).toEqual({ state: "dead" });
      expect(await ask(world, { verb: "signal", stepId, signal: "KILL" })).toEqual({ state: "dead" });
      writeFileSync(claim, String(process.pid));
      expect(await ask(world, { verb: "probe", stepId })).toEqual({ state: "dead" });
      writeFileSync(claim, "");
      expect(await ask(world, { verb: "probe", stepId })).toEqual({ state: "absent" });
    });

    it.each(["", "exit", "exit 0", "exit x\n", "exit 999\n", "\n"])(
      "takes %j for no recorded exit",
      async (content) => {
        const world = makeWorld(newTestId(), busyboxPath);
        const stepId = newTestId();
        mkdirSync(join(world.runDirectory, stepId));
        writeFileSync(stepFile(world.runDirectory, stepId, "pid"), "4194300 1\n");
        writeFileSync(stepFile(world.runDirectory, stepId, "exit"), content);
        await expect(ask(world, { verb: "probe", stepId })).resolves.toEqual({ state: "dead" });
      },
    );

    it("takes a script that was cut anywhere for a failure", async () => {
      const world = makeWorld(newTestId(), busyboxPath);
      const whole = Buffer.from(buildStepScript({ command: { shell: "true" }, env: { A: "1" } })).toString();
      const lines = whole.split("\n");
      for (let kept = 0; lines[kept]?.includes("exec") !== true || kept === 0; kept++) {
        const stepId = newTestId();
        const script = Buffer.from(lines.slice(0, kept).join("\n"));
        await ask(world, { verb: "launch", stepId, capture: false, script });
        const end = await eventually(async () => {
          const state = await ask(world, { verb: "probe", stepId });
          return state.state === "running" ? undefined : state;
        }, "the step's end");
        expect(end).toEqual({ state: "exited", exitCode: 126 });
      }
    });

    it("runs a step at most once when it is killed at any moment and asked again", async () => {
      const world = makeWorld(newTestId(), busyboxPath);
      const script = buildStepScript({ command: { shell: 'echo run >> "runs-$STEP"' }, env: { STEP: "x" } });
      for (let round = 0; round < 40; round++) {
        const stepId = newTestId();
        const command: LauncherCommand = { verb: "launch", stepId, capture: false, script };
        await killedAfter(world, command, (round % 20) / 1.5);
        const probe = await ask(world, command);
        expect(["running", "exited"]).toContain(probe.state);
        const end = await eventually(async () => {
          const state = await ask(world, { verb: "probe", stepId });
          return state.state === "running" ? undefined : state;
        }, "the step's end");
        expect(end).toEqual({ state: "exited", exitCode: 0 });
        expect(readFileSync(join(world.workspace, "runs-x"), "utf8")).toBe("run\n".repeat(round + 1));
      }
    });
  });
});

// Kills the launcher itself, not what it started, after so many milliseconds.
async function killedAfter(
  world: World,
  command: LauncherCommand & { verb: "launch" },
  delayMs: number,
): Promise<void> {
  const [program, ...words] = launcherArguments(world, command);
  const child = spawn(program as string, words, { env: world.environment, stdio: ["pipe", "ignore", "ignore"] });
  child.stdin.on("error", () => undefined);
  child.stdin.end(command.script);
  const closed = new Promise((resolve) => child.once("close", resolve));
  const timer = setTimeout(() => child.kill("SIGKILL"), delayMs);
  await closed;
  clearTimeout(timer);
}

describe("supervise under bash", () => {
  it.skipIf(!existsSync("/bin/bash"))("records output and exit, with default signals for the command", async () => {
    const world = makeWorld(newTestId(), undefined);
    const stepId = newTestId();
    mkdirSync(join(world.runDirectory, stepId));
    const path = join(world.workspace, "script");
    writeFileSync(path, buildStepScript({ command: { shell: "grep SigIgn /proc/self/status; exit 5" } }));
    const script = openSync(path, "r");
    const { stdout } = spawnSync("/bin/bash", [launcherPath, "supervise", "-", world.runDirectory, stepId, "0"], {
      env: world.environment,
      stdio: ["ignore", "pipe", "inherit", script],
    });
    closeSync(script);
    expect(stdout.toString()).toBe("claimed\n");
    expect(await ask(world, { verb: "probe", stepId })).toEqual({ state: "exited", exitCode: 5 });
    expect(readFileSync(stepFile(world.runDirectory, stepId, "output"), "utf8")).toMatch(
      /SigIgn:\s*0000000000000000\n/,
    );
  });

  it("says why it cannot start, before it claims", () => {
    const world = makeWorld(newTestId(), undefined);
    const { status, stdout } = spawnSync("/bin/sh", [launcherPath, "supervise", "-", world.runDirectory, "none", "0"]);
    expect(status).not.toBe(0);
    expect(stdout.toString()).toContain("output");
  });
});

describe("launcher-script.ts", () => {
  it("carries launcher.sh as it is", () => {
    expect(launcherScript).toBe(readFileSync(launcherPath, "utf8"));
  });
});

describe("parseLauncherAnswer", () => {
  it("takes nothing but a whole answer", () => {
    expect(parseLauncherAnswer("exited 0\n")).toEqual({ state: "exited", exitCode: 0 });
    for (const answer of ["", "exited 0", "exited\n", "exited 256\n", "running", "running\nrunning\n", "Error\n"])
      expect(() => parseLauncherAnswer(answer)).toThrow(/did not answer/);
  });
});
