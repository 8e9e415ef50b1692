// The making of a sandbox, in an order that leaves nothing ambiguous if we die at any point:
//
//   1. the directories            without a record: nothing was started
//   2. its files, the record      the record does not name a Coordinator: it may have been started, and then has our mark
//   3. the Coordinator            started, or a prepared one that waits
//   4. the record again           names it; from here on the sandbox is whole
//   5. for a prepared one         sandbox.json is moved to where it waits; after a restart this is done again
import { existsSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DanubeError, isDanubeError, SandboxFile, sandboxFileName } from "@danube/protocol";
import { buildExports, type SandboxSpec } from "@danube/runtime";
import { type CoordinatorProcess, startCoordinator } from "./coordinator-process.ts";
import { type HostEnvironment, stepEnvironment } from "./job-environment.ts";
import { readPidMoment } from "./pid-window.ts";
import type { PreparedCoordinator } from "./prepared-coordinators.ts";
import { bootId } from "./process-table.ts";
import {
  environmentPath,
  makeSandboxDirectories,
  type RootPaths,
  removeTree,
  type SandboxPaths,
  type SandboxRecord,
  writeWhole,
} from "./sandbox-directory.ts";

export interface MakeSandboxOptions {
  readonly spec: SandboxSpec;
  readonly paths: SandboxPaths;
  readonly root: RootPaths;
  readonly coordinatorCommand: readonly string[];
  readonly host: HostEnvironment;
  readonly takePrepared: () => PreparedCoordinator | undefined;
}

export interface MadeSandbox {
  readonly record: SandboxRecord;
  readonly coordinator: CoordinatorProcess;
}

/** Makes a sandbox of which nothing exists. Rejects with `sandbox_failed`, or `storage_full` or `unavailable`, leaving nothing. */
export async function makeSandbox(options: MakeSandboxOptions): Promise<MadeSandbox> {
  const { spec, paths } = options;
  const workspace = findWorkspace(spec, paths);
  try {
    makeSandboxDirectories(paths, spec.workspaceDirectory === undefined);
    return await startInside(options, workspace);
  } catch (error) {
    await removeTree(paths.directory);
    throw toSandboxError(error, spec.jobId);
  }
}

/** Moves sandbox.json to the prepared Coordinator that waits for it, unless that is done. */
export function deliverSandboxFile(paths: SandboxPaths, record: SandboxRecord): void {
  const source = join(paths.coordinator, sandboxFileName);
  if (record.preparedDirectory !== undefined && existsSync(source))
    renameSync(source, join(record.preparedDirectory, sandboxFileName));
}

async function startInside(options: MakeSandboxOptions, workspace: string): Promise<MadeSandbox> {
  const { spec, paths, root, coordinatorCommand, host, takePrepared } = options;
  const since = readPidMoment();
  const file = SandboxFile.parse({
    jobId: spec.jobId,
    token: spec.token,
    rpcUrl: spec.rpcUrl,
    workspace,
    runDirectory: paths.run,
    temporaryDirectory: paths.temporary,
    workspaceIsShared: spec.workspaceDirectory !== undefined,
  });
  writeWhole(join(paths.coordinator, sandboxFileName), JSON.stringify(file));
  const begun: SandboxRecord = {
    version: 1,
    bootId,
    marks: [spec.jobId],
    since,
    workspace,
  };
  writeEnvironments(options, workspace);
  const prepared = takePrepared();
  if (prepared !== undefined) {
    const record: SandboxRecord = {
      ...begun,
      marks: [spec.jobId, prepared.id],
      coordinator: prepared.process.identity,
      preparedDirectory: prepared.directory,
      since: prepared.since,
    };
    writeWhole(paths.record, JSON.stringify(record));
    deliverSandboxFile(paths, record);
    return { record, coordinator: prepared.process };
  }
  writeWhole(paths.record, JSON.stringify(begun));
  const coordinator = await startCoordinator({
    command: coordinatorCommand,
    directory: paths.coordinator,
    mark: spec.jobId,
    compileCache: root.cache,
    host,
  });
  const record = { ...begun, coordinator: coordinator.identity };
  writeWhole(paths.record, JSON.stringify(record));
  return { record, coordinator };
}

function findWorkspace({ workspaceDirectory, jobId }: SandboxSpec, paths: SandboxPaths): string {
  if (workspaceDirectory === undefined) return paths.workspace;
  if (!statSync(workspaceDirectory, { throwIfNoEntry: false })?.isDirectory())
    throw new DanubeError("sandbox_failed", `The workspace "${workspaceDirectory}" is not a directory.`, {
      ids: { jobId },
    });
  return realpathSync(workspaceDirectory);
}

function writeEnvironments({ spec, paths, host }: MakeSandboxOptions, workspace: string): void {
  const workers = [[undefined, spec.worker] as const, ...Object.entries(spec.workers)];
  for (const [worker, { env }] of workers) {
    const environment = stepEnvironment(host, {
      jobId: spec.jobId,
      workspace,
      temporaryDirectory: paths.temporary,
      workerEnvironment: env,
    });
    writeFileSync(environmentPath(paths, worker), buildExports(environment), { mode: 0o600 });
  }
}

const fullCodes = ["ENOSPC", "EDQUOT"];
const passingCodes = ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"];

function toSandboxError(error: unknown, jobId: string): DanubeError {
  const cause = isDanubeError(error) ? error.cause : error;
  const errno = (cause as NodeJS.ErrnoException | undefined)?.code ?? "";
  const options = { ids: { jobId }, cause };
  if (fullCodes.includes(errno))
    return new DanubeError("storage_full", "There is no room for the job's sandbox.", options);
  if (passingCodes.includes(errno))
    return new DanubeError("unavailable", `The machine cannot start another sandbox now (${errno}).`, options);
  if (isDanubeError(error)) return error;
  return new DanubeError("sandbox_failed", `The job's sandbox cannot be made: ${String(error)}`, options);
}
