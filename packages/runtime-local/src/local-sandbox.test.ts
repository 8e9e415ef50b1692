// What is particular to the local driver's sandboxes; the contract is in local-driver.test.ts.
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SandboxFile } from "@danube/protocol";
import type { RuntimeDriver } from "@danube/runtime";
import { eventually, launch, newTestId, recordObservations, waitForEnd } from "@danube/runtime/testing";
import { afterEach, describe, expect, it } from "vitest";
import { type LocalHarness, makeLocalHarness } from "./local-harness.ts";
import { bootId, isAlive, markVariable } from "./process-table.ts";
import { readRecord, sandboxPaths, writeWhole } from "./sandbox-directory.ts";

let harness: LocalHarness;
afterEach(async () => {
  await harness.close();
});

async function startWith(options: Parameters<typeof makeLocalHarness>[0] = {}): Promise<RuntimeDriver> {
  harness = await makeLocalHarness(options);
  await harness.driver.start();
  return harness.driver;
}

function pathsOf(jobId: string) {
  return sandboxPaths(harness.root, jobId);
}

async function readOutput(driver: RuntimeDriver, jobId: string, command: string): Promise<string> {
  const { stepId } = await launch(driver, jobId, command);
  await waitForEnd(driver, jobId, stepId);
  return (await harness.readStepFile(jobId, stepId, "output"))?.toString() ?? "";
}

const host = {
  PATH: process.env["PATH"],
  HOME: "/home/someone",
  LANG: "C.UTF-8",
  DANUBE_SECRETS_KEY: "hunter22",
  AWS_SECRET_ACCESS_KEY: "hunter22",
  NODE_OPTIONS: "--no-warnings",
};

describe("a Coordinator", () => {
  it("is told everything by a file for its owner alone, and nothing by arguments or environment", async () => {
    const driver = await startWith({ environment: host });
    const spec = harness.spec();
    await driver.createSandbox(spec);
    const paths = pathsOf(spec.jobId);
    const file = join(paths.coordinator, "sandbox.json");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(paths.directory).mode & 0o777).toBe(0o700);
    expect(SandboxFile.parse(JSON.parse(readFileSync(file, "utf8")))).toEqual({
      jobId: spec.jobId,
      token: "the-token",
      rpcUrl: "http://127.0.0.1:9000",
      workspace: paths.workspace,
      runDirectory: paths.run,
      temporaryDirectory: paths.temporary,
      workspaceIsShared: false,
    });
    const pid = readRecord(paths.record)?.coordinator?.pid;
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    expect(commandLine.at(-2)).toBe(file);
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
    expect([...commandLine, environment].join("\n")).not.toContain("the-token");
    const names = environment.split("\0").map((entry) => entry.split("=")[0]);
    expect(new Set(names)).toEqual(
      new Set(["PATH", "HOME", "LANG", "CI", "DANUBE", markVariable, "NODE_COMPILE_CACHE", ""]),
    );
  });

  it("is reported as ended at once while it is our child, with a reason if it was killed", async () => {
    const driver = await startWith();
    const observations = recordObservations(driver);
    const spec = harness.spec();
    await driver.createSandbox(spec);
    const began = performance.now();
    await harness.endCoordinator(spec.jobId);
    expect(await observations.waitFor(spec.jobId, "ended")).toMatchObject({
      reason: "infra_lost",
      message: "The Coordinator ended by SIGKILL.",
    });
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it("is reported with its exit code, and without a reason, when it ended by itself", async () => {
    const driver = await startWith({ coordinatorCommand: ["/bin/sh", "-c", "exit 3"] });
    const observations = recordObservations(driver);
    const spec = harness.spec();
    await driver.createSandbox(spec);
    const ended = await observations.waitFor(spec.jobId, "ended");
    expect(ended).toEqual({ jobId: spec.jobId, phase: "ended", message: "The Coordinator ended with exit code 3." });
  });

  it("that cannot be started fails the sandbox, and leaves nothing", async () => {
    const driver = await startWith({ coordinatorCommand: ["/nonexistent/coordinator"] });
    const spec = harness.spec();
    await expect(driver.createSandbox(spec)).rejects.toMatchObject({ code: "sandbox_failed" });
    expect(await harness.leftovers(spec.jobId)).toEqual([]);
    expect(await driver.listSandboxes()).toEqual([]);
  });
});

describe("a command", () => {
  it("gets a clean environment: what is listed, the worker's, and nothing of the server's", async () => {
    const driver = await startWith({ environment: host });
    const spec = harness.spec({ worker: { ...harness.spec().worker, env: { FROM_WORKER: "yes", LANG: "C" } } });
    await driver.createSandbox(spec);
    const { jobId } = spec;
    const text = await readOutput(driver, jobId, "tr '\\0' '\\n' < /proc/self/environ");
    const environment = Object.fromEntries(
      text
        .split("\n")
        .flatMap((line) => (line === "" ? [] : [[line.split("=")[0], line.slice(line.indexOf("=") + 1)]])),
    );
    const paths = pathsOf(jobId);
    expect(environment).toEqual({
      PATH: host.PATH,
      HOME: "/home/someone",
      LANG: "C",
      FROM_WORKER: "yes",
      TMPDIR: paths.temporary,
      PWD: paths.workspace,
      CI: "true",
      DANUBE: "true",
      DANUBE_JOB_ID: jobId,
      DANUBE_WORKSPACE: paths.workspace,
      [markVariable]: jobId,
    });
  });

  it("keeps the mark of an outer Danube job", async () => {
    const outer = newTestId();
    const driver = await startWith({ environment: { ...host, [markVariable]: outer } });
    const spec = harness.spec();
    await driver.createSandbox(spec);
    expect(await readOutput(driver, spec.jobId, `echo $${markVariable}`)).toBe(`${outer}:${spec.jobId}\n`);
  });

  it("has its script nowhere on the disk", async () => {
    const driver = await startWith();
    const spec = harness.spec();
    await driver.createSandbox(spec);
    const { stepId } = await launch(driver, spec.jobId, "sleep 600", { env: { SECRET: "hunter22" } });
    expect(readdirSync(pathsOf(spec.jobId).run)).toEqual([stepId]);
    expect(readdirSync(join(pathsOf(spec.jobId).run, stepId)).sort()).toEqual(["output", "pid"]);
  });

  it("whose supervisor is killed is dead, and is not started again", async () => {
    const driver = await startWith();
    const spec = harness.spec();
    await driver.createSandbox(spec);
    const { stepId } = await launch(driver, spec.jobId, "echo run >> runs; sleep 600");
    await eventually(async () => existsSync(join(pathsOf(spec.jobId).workspace, "runs")) || undefined, "the command");
    const claim = readFileSync(join(pathsOf(spec.jobId).run, stepId, "pid"), "utf8");
    process.kill(Number(claim.split(" ")[0]), "SIGKILL");
    expect(await waitForEnd(driver, spec.jobId, stepId)).toEqual({ state: "dead" });
    expect((await launch(driver, spec.jobId, "echo run >> runs; sleep 600", { stepId })).probe).toEqual({
      state: "dead",
    });
    expect(readFileSync(join(pathsOf(spec.jobId).workspace, "runs"), "utf8")).toBe("run\n");
    await driver.deleteSandbox(spec.jobId, { graceMs: 0 });
    expect(await harness.leftovers(spec.jobId)).toEqual([]);
  });

  it("has until the end of the grace to clean up when the sandbox is deleted", async () => {
    const workspace = mkdtempSync(join(tmpdir(), "danube-workspace-"));
    const driver = await startWith();
    const spec = harness.spec({ workspaceDirectory: workspace });
    await driver.createSandbox(spec);
    await launch(
      driver,
      spec.jobId,
      "trap 'sleep 0.2; echo bye > bye; exit' TERM; echo up > up; while :; do sleep 0.02; done",
    );
    await eventually(async () => existsSync(join(workspace, "up")) || undefined, "the command");
    await driver.deleteSandbox(spec.jobId, { graceMs: 10_000 });
    expect(readFileSync(join(workspace, "bye"), "utf8")).toBe("bye\n");
    rmSync(workspace, { recursive: true });
  });
});

describe("an existing workspace", () => {
  it("is used as it is, and left as it is", async () => {
    const workspace = mkdtempSync(join(tmpdir(), "danube-workspace-"));
    writeFileSync(join(workspace, "mine.txt"), "mine");
    const driver = await startWith();
    const spec = harness.spec({ workspaceDirectory: workspace });
    await driver.createSandbox(spec);
    expect(await readOutput(driver, spec.jobId, "cat mine.txt; echo made > made.txt")).toBe("mine");
    const file = JSON.parse(readFileSync(join(pathsOf(spec.jobId).coordinator, "sandbox.json"), "utf8")) as unknown;
    expect(SandboxFile.parse(file)).toMatchObject({ workspace, workspaceIsShared: true });
    await driver.deleteSandbox(spec.jobId, { graceMs: 0 });
    expect(readdirSync(workspace).sort()).toEqual(["made.txt", "mine.txt"]);
    expect(await harness.leftovers(spec.jobId)).toEqual([]);
    rmSync(workspace, { recursive: true });
  });

  it("must be a directory", async () => {
    const driver = await startWith();
    const spec = harness.spec({ workspaceDirectory: "/nonexistent/workspace" });
    await expect(driver.createSandbox(spec)).rejects.toMatchObject({ code: "sandbox_failed" });
    expect(await harness.leftovers(spec.jobId)).toEqual([]);
  });
});

describe("after a crash in the middle of making a sandbox", () => {
  const interrupted = { phase: "ended", reason: "infra_lost", message: "The making of the sandbox was interrupted." };

  it.each(["only its directory", "some directories", "a record without a Coordinator", "a torn record"])(
    "%s is reported as ended, and can be made anew or deleted",
    async (state) => {
      harness = await makeLocalHarness();
      const [first, second] = [harness.spec(), harness.spec()];
      for (const { jobId } of [first, second]) {
        const paths = pathsOf(jobId);
        mkdirSync(paths.directory, { recursive: true });
        if (state !== "only its directory") mkdirSync(paths.run);
        const record = { version: 1, bootId, marks: [jobId], workspace: paths.workspace };
        if (state === "a record without a Coordinator") writeWhole(paths.record, JSON.stringify(record));
        if (state === "a torn record") writeFileSync(paths.record, JSON.stringify(record).slice(0, 40));
      }
      const { driver } = harness;
      await driver.start();
      expect(await driver.listSandboxes()).toEqual(
        [first, second].map(({ jobId }) => ({ jobId, ...interrupted })).sort((a, b) => (a.jobId < b.jobId ? -1 : 1)),
      );
      await driver.createSandbox(first);
      expect(await readOutput(driver, first.jobId, "echo works")).toBe("works\n");
      await driver.deleteSandbox(second.jobId, { graceMs: 0 });
      expect(await harness.leftovers(second.jobId)).toEqual([]);
    },
  );

  it("a Coordinator that nobody had noted yet is found and adopted", async () => {
    harness = await makeLocalHarness();
    const { jobId } = harness.spec();
    const paths = pathsOf(jobId);
    for (const directory of [paths.directory, paths.run, paths.coordinator, paths.workspace, paths.temporary])
      mkdirSync(directory, { recursive: true });
    writeWhole(paths.record, JSON.stringify({ version: 1, bootId, marks: [jobId], workspace: paths.workspace }));
    const coordinator = spawn("/bin/sleep", ["600"], {
      env: { [markVariable]: jobId },
      detached: true,
      stdio: "ignore",
    });
    const { driver } = harness;
    const observations = recordObservations(driver);
    await driver.start();
    expect(await driver.listSandboxes()).toEqual([{ jobId, phase: "ready" }]);
    const ended = once(coordinator, "exit");
    coordinator.kill("SIGKILL");
    await ended;
    await observations.waitFor(jobId, "ended", 2_000);
    await driver.deleteSandbox(jobId, { graceMs: 0 });
    expect(await harness.leftovers(jobId)).toEqual([]);
  });

  it("a sandbox of an earlier start of the machine has ended, whatever runs under its pids now", async () => {
    harness = await makeLocalHarness();
    const { jobId } = harness.spec();
    const paths = pathsOf(jobId);
    mkdirSync(paths.directory, { recursive: true });
    const startTime = readFileSync("/proc/self/stat", "utf8").split(" ")[21];
    const coordinator = { pid: process.pid, startTime };
    expect(isAlive({ pid: process.pid, startTime: startTime as string })).toBe(true);
    writeWhole(paths.record, JSON.stringify({ version: 1, bootId: "x", marks: [jobId], coordinator, workspace: "/x" }));
    await harness.driver.start();
    expect(await harness.driver.listSandboxes()).toMatchObject([{ jobId, phase: "ended", reason: "infra_lost" }]);
    await harness.driver.deleteSandbox(jobId, { graceMs: 0 });
    expect(await harness.leftovers(jobId)).toEqual([]);
  });

  it("what was being removed is removed", async () => {
    harness = await makeLocalHarness();
    const doomed = join(harness.root, ".deleting", "something");
    mkdirSync(join(doomed, "deep"), { recursive: true });
    await harness.driver.start();
    expect(existsSync(doomed)).toBe(false);
  });
});

describe("misuse", () => {
  it("is refused: before start, and with ids that are none", async () => {
    harness = await makeLocalHarness();
    const { driver } = harness;
    await expect(driver.listSandboxes()).rejects.toMatchObject({ code: "unavailable" });
    await driver.start();
    const bad = harness.spec({ jobId: "../escape" });
    await expect(driver.createSandbox(bad)).rejects.toMatchObject({ code: "sandbox_failed" });
    const spec = harness.spec();
    await driver.createSandbox(spec);
    await expect(launch(driver, spec.jobId, "true", { stepId: "../escape" })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });
});
