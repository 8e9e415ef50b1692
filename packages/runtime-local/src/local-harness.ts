// The local driver in a temporary directory, for tests: with a Coordinator that does nothing but wait.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PipelineSpec, stepFile } from "@danube/protocol";
import type { RuntimeDriver, SandboxSpec } from "@danube/runtime";
import { type DriverHarness, newTestId } from "@danube/runtime/testing";
import { killProcesses } from "./kill-processes.ts";
import { createLocalDriver, type LocalDriverOptions } from "./local-driver.ts";
import { findSandboxProcesses } from "./process-table.ts";
import { readRecord, sandboxPaths } from "./sandbox-directory.ts";

export const waitingCoordinator = ["/bin/sh", "-c", "while :; do sleep 600; done", "coordinator"];

export interface LocalHarness extends DriverHarness {
  readonly root: string;
  spec(changes?: Partial<SandboxSpec>): SandboxSpec;
}

export async function makeLocalHarness(options: Partial<LocalDriverOptions> = {}): Promise<LocalHarness> {
  const home = mkdtempSync(join(tmpdir(), "danube-local-"));
  const root = join(home, "root");
  mkdirSync(root);
  const drivers: RuntimeDriver[] = [];
  const jobs: string[] = [];
  function newDriver(): RuntimeDriver {
    const logger = { info() {}, warn() {} };
    const driver = createLocalDriver({ root, coordinatorCommand: waitingCoordinator, logger, ...options });
    drivers.push(driver);
    return driver;
  }
  const pipeline = PipelineSpec.parse({ repository: "https://example.com/repository.git" });

  function findProcesses(jobId: string): number[] {
    // A prepared Coordinator has a mark of its own.
    const marks = new Set(readRecord(sandboxPaths(root, jobId).record)?.marks ?? [jobId]);
    return findSandboxProcesses({ marks, known: [], directory: join(root, jobId), window: () => undefined });
  }

  return {
    root,
    driver: newDriver(),
    runsCommands: true,
    spec(changes) {
      const jobId = newTestId();
      jobs.push(jobId);
      return {
        jobId,
        pipelineName: "pipeline",
        worker: pipeline.worker,
        workers: {},
        services: {},
        workspaceSizeGb: 1,
        maxDurationSeconds: 60,
        token: "the-token",
        rpcUrl: "http://127.0.0.1:9000",
        ...changes,
      };
    },
    async restart() {
      // The lost driver says no farewell, but its prepared Coordinators would be this process' children still.
      await drivers.at(-1)?.stop();
      return newDriver();
    },
    async readStepFile(jobId, stepId, name) {
      return await readFile(stepFile(sandboxPaths(root, jobId).run, stepId, name)).catch(() => undefined);
    },
    async endCoordinator(jobId) {
      const pid = readRecord(sandboxPaths(root, jobId).record)?.coordinator?.pid;
      if (pid === undefined) throw new Error(`Job ${jobId} has no Coordinator.`);
      process.kill(-pid, "SIGKILL");
    },
    async leftovers(jobId) {
      const places = [root, join(root, ".deleting"), join(root, ".prepared")].flatMap((place) =>
        existsSync(place) ? readdirSync(place).map((name) => join(place, name)) : [],
      );
      const files = places.filter((path) => path.includes(jobId));
      return [...files, ...findCommandLines(jobId), ...findProcesses(jobId).map(String)];
    },
    async close() {
      await Promise.all(drivers.map((driver) => driver.stop()));
      for (const jobId of jobs)
        await killProcesses({ find: () => findProcesses(jobId), graceMs: 0, deadlineMs: 5_000 });
      rmSync(home, { recursive: true, force: true });
    },
  };
}

// Looks for a job's processes in another way than the driver does.
function findCommandLines(text: string): string[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      const commandLine = readFileSync(`/proc/${name}/cmdline`, "latin1").replaceAll("\0", " ");
      return commandLine.includes(text) ? [`${name} ${commandLine}`] : [];
    } catch {
      return [];
    }
  });
}
