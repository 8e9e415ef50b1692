import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExports, buildStepScript, launcherScript } from "@danube/runtime";
import { eventually, newTestId } from "@danube/runtime/testing";
import { afterEach, describe, expect, it } from "vitest";
import { launchStep, probeStep } from "./step-launcher.ts";
import { createSupervisorStarter, type SupervisorStarter } from "./supervisor-starter.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

function makeWorld(serve: boolean, directoryName = "run") {
  const home = mkdtempSync(join(tmpdir(), "danube-starter-"));
  const runDirectory = join(home, directoryName);
  const workspace = join(home, "workspace");
  const launcherPath = join(home, "launcher.sh");
  const environmentPath = join(home, "environment.sh");
  mkdirSync(runDirectory);
  mkdirSync(workspace);
  writeFileSync(launcherPath, launcherScript);
  writeFileSync(environmentPath, buildExports({ PATH: "/usr/bin:/bin", DANUBE_WORKSPACE: workspace, FROM: "driver" }));
  const starter = createSupervisorStarter({ launcherPath, serve });
  cleanups.push(() => {
    starter.stop();
    rmSync(home, { recursive: true, force: true });
  });
  return { home, runDirectory, workspace, launcherPath, environmentPath, starter };
}

type World = ReturnType<typeof makeWorld>;

function launch(world: World, command: string, options: { stepId?: string; starter?: SupervisorStarter } = {}) {
  const { runDirectory, environmentPath } = world;
  const { stepId = newTestId(), starter = world.starter } = options;
  const script = buildStepScript({ command: { shell: command } });
  const launched = launchStep({ runDirectory, stepId, starter, capture: false, script, environmentPath, mark: "mark" });
  return { stepId, launched };
}

async function waitForExit({ runDirectory }: World, stepId: string): Promise<unknown> {
  return await eventually(async () => {
    const probe = probeStep({ runDirectory, stepId });
    return probe.state === "running" ? undefined : probe;
  }, "the step's end");
}

// The shell that serves, by what is in its arguments.
function findServer({ launcherPath }: World): number | undefined {
  const found = readdirSync("/proc").find((name) => {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      return words.includes(launcherPath) && words.includes("serve");
    } catch {
      return false;
    }
  });
  return found === undefined ? undefined : Number(found);
}

describe.each([
  ["by a shell that serves", true],
  ["directly", false],
])("supervisors started %s", (_, serve) => {
  it("run the command with the driver's environment, the mark, and default signals", async () => {
    const world = makeWorld(serve);
    const { stepId, launched } = launch(
      world,
      'echo "$FROM"; cat /proc/$PPID/environ; grep SigIgn /proc/self/status; exit 4',
    );
    await launched;
    expect(await waitForExit(world, stepId)).toEqual({ state: "exited", exitCode: 4 });
    const output = readFileSync(join(world.runDirectory, stepId, "output"), "utf8");
    expect(output).toMatch(/^driver\n/);
    expect(output).toContain("DANUBE_SANDBOX=mark\0");
    expect(output).toMatch(/SigIgn:\s*0+\n/);
    expect(readdirSync(world.runDirectory)).toEqual([stepId]);
  });

  it("are many at once, each answered for itself", async () => {
    const world = makeWorld(serve);
    const same = newTestId();
    const steps = Array.from({ length: 8 }, () => launch(world, "echo run >> runs"));
    const repeated = Array.from({ length: 8 }, () => launch(world, "echo same >> runs", { stepId: same }));
    await Promise.all([...steps, ...repeated].map(({ launched }) => launched));
    for (const { stepId } of [...steps, ...repeated])
      expect(await waitForExit(world, stepId)).toEqual({ state: "exited", exitCode: 0 });
    const lines = readFileSync(join(world.workspace, "runs"), "utf8").split("\n").sort();
    expect(lines).toEqual(["", ...Array.from({ length: 8 }, () => "run"), "same"]);
  });

  it("that cannot start are told, and nothing is claimed", async () => {
    const world = makeWorld(serve);
    rmSync(world.environmentPath);
    const { stepId, launched } = launch(world, "true");
    await expect(launched).rejects.toMatchObject({ code: "exec_interrupted" });
    expect(probeStep({ runDirectory: world.runDirectory, stepId })).toEqual({ state: "absent" });
    const starter = createSupervisorStarter({ launcherPath: world.launcherPath, serve });
    const lost = {
      runDirectory: join(world.home, "none"),
      scriptPath: join(world.home, "none"),
      stepId,
      capture: true,
    };
    const answer = await starter.start({ ...lost, environmentPath: world.environmentPath, mark: "mark" });
    expect(["claimed", "lost"]).not.toContain(answer);
    starter.stop();
  });

  it("take paths with blanks, quotes and newlines", async () => {
    for (const name of ["a b 'c' \"d\" $e \\n", "new\nline", "tab\tbed"]) {
      const world = makeWorld(serve, name);
      const { stepId, launched } = launch(world, "exit 5");
      await launched;
      expect(await waitForExit(world, stepId)).toEqual({ state: "exited", exitCode: 5 });
    }
  });
});

describe("the shell that serves", () => {
  it("is replaced when it dies, and what it was asked is known to be unknown", async () => {
    const world = makeWorld(true);
    await launch(world, "true").launched;
    const server = findServer(world);
    process.kill(server as number, "SIGSTOP");
    const { stepId, launched } = launch(world, "echo run >> runs");
    process.kill(server as number, "SIGKILL");
    await expect(launched).rejects.toMatchObject({ code: "exec_interrupted" });
    await launch(world, "echo run >> runs", { stepId }).launched;
    expect(await waitForExit(world, stepId)).toEqual({ state: "exited", exitCode: 0 });
    expect(readFileSync(join(world.workspace, "runs"), "utf8")).toBe("run\n");
    expect(findServer(world)).not.toBe(server);
  });

  it("that never works is done without", async () => {
    const world = makeWorld(true);
    const serving = readFileSync(world.launcherPath, "utf8").replace(
      'if [ "$danube_verb" = serve ]; then',
      "$&\n  exit 1",
    );
    writeFileSync(world.launcherPath, serving);
    const { stepId, launched } = launch(world, "exit 6");
    await launched.catch(() => undefined);
    await launch(world, "exit 6", { stepId }).launched;
    expect(await waitForExit(world, stepId)).toEqual({ state: "exited", exitCode: 6 });
  });

  it("ends when it is let go", async () => {
    const world = makeWorld(true);
    await launch(world, "true").launched;
    expect(findServer(world)).toBeDefined();
    world.starter.stop();
    await eventually(async () => (findServer(world) === undefined ? true : undefined), "its end");
  });
});
