// The end of a sandbox: its processes, its directories, and then its processes once more, in case one was just starting.
import { killProcesses } from "./kill-processes.ts";
import { pidWindow, readMaximumPid, readPidMoment } from "./pid-window.ts";
import { bootId, findSandboxProcesses } from "./process-table.ts";
import {
  type RootPaths,
  removeDirectory,
  removeTree,
  type SandboxPaths,
  type SandboxRecord,
} from "./sandbox-directory.ts";

export interface DeleteSandboxOptions {
  readonly jobId: string;
  readonly paths: SandboxPaths;
  readonly root: RootPaths;
  /** Absent for one whose making was interrupted. */
  readonly record: SandboxRecord | undefined;
  /** From SIGTERM to SIGKILL, in milliseconds; 0 for SIGKILL at once. */
  readonly graceMs: number;
}

const killDeadlineMs = 30_000;

/** Resolves when no process and no file is left. Rejects with `unavailable` if a process cannot be killed. */
export async function deleteSandbox({ jobId, paths, root, record, graceMs }: DeleteSandboxOptions): Promise<void> {
  const marks = new Set(record?.marks ?? [jobId]);
  const ofThisBoot = record?.bootId === bootId;
  const known = ofThisBoot && record?.coordinator !== undefined ? [record.coordinator] : [];
  const since = ofThisBoot ? record?.since : undefined;
  const maximumPid = readMaximumPid();
  const find = () =>
    findSandboxProcesses({
      marks,
      known,
      directory: paths.directory,
      window: () => pidWindow(since, readPidMoment(), maximumPid),
    });
  await killProcesses({ find, graceMs, deadlineMs: killDeadlineMs });
  await removeDirectory(paths.directory, root.deleting);
  if (record?.preparedDirectory !== undefined) await removeTree(record.preparedDirectory);
  await killProcesses({ find, graceMs: 0, deadlineMs: killDeadlineMs });
}
