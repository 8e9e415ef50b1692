// The files of a sandbox, `<root>/<job id>/`:
//
//   record.json          what the driver must know after a restart. The sandbox is whole once it names the Coordinator.
//   workspace/           unless the sandbox serves an existing directory
//   run/<step id>/       the files of steps
//   environment/         for each worker, a file that exports what its commands begin with; the default one's is `.sh`
//   coordinator/         sandbox.json and output.log, what the Coordinator itself says
//   tmp/                 TMPDIR of the commands
//
// Beside them are `.launcher/` (launcher.sh), `.cache/` (compiled code of Coordinators), `.prepared/<id>/` (Coordinators
// that wait for a job) and `.deleting/` (what is being removed).
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { DanubeError, Id } from "@danube/protocol";
import { z } from "zod";
import { PidMoment } from "./pid-window.ts";

export const ProcessRecord = z.object({ pid: z.number().int().positive(), startTime: z.string() });

export const SandboxRecord = z.object({
  version: z.literal(1),
  /** The machine's start in which it was made: after another one none of its processes is left. */
  bootId: z.string(),
  /** By which its processes are known. */
  marks: z.array(z.string()).min(1),
  /** Absent until it was started, or if we died in between. */
  coordinator: ProcessRecord.optional(),
  /** Directory of the prepared Coordinator that it uses. */
  preparedDirectory: z.string().optional(),
  /** The pids that were given before it was made are not its. */
  since: PidMoment.optional(),
  workspace: z.string(),
});
export type SandboxRecord = z.infer<typeof SandboxRecord>;

export interface RootPaths {
  readonly root: string;
  readonly launcher: string;
  readonly cache: string;
  readonly prepared: string;
  readonly deleting: string;
}

export interface SandboxPaths {
  readonly directory: string;
  readonly record: string;
  readonly workspace: string;
  readonly run: string;
  readonly environment: string;
  readonly coordinator: string;
  readonly temporary: string;
}

/** Makes the root if it is missing, for the owner alone, and resolves its symbolic links. */
export function openRoot(root: string): RootPaths {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const resolved = realpathSync(root);
  const paths = {
    root: resolved,
    launcher: join(resolved, ".launcher"),
    cache: join(resolved, ".cache"),
    prepared: join(resolved, ".prepared"),
    deleting: join(resolved, ".deleting"),
  };
  for (const directory of [paths.launcher, paths.cache, paths.prepared, paths.deleting])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  return paths;
}

export function sandboxPaths(root: string, jobId: string): SandboxPaths {
  const directory = join(root, jobId);
  return {
    directory,
    record: join(directory, "record.json"),
    workspace: join(directory, "workspace"),
    run: join(directory, "run"),
    environment: join(directory, "environment"),
    coordinator: join(directory, "coordinator"),
    temporary: join(directory, "tmp"),
  };
}

/** The file that exports the environment of a worker's commands. */
export function environmentPath(paths: SandboxPaths, worker: string | undefined): string {
  return join(paths.environment, `${worker ?? ""}.sh`);
}

/** Makes the directories of a sandbox. Fails if it exists. */
export function makeSandboxDirectories(paths: SandboxPaths, ownWorkspace: boolean): void {
  mkdirSync(paths.directory, { mode: 0o700 });
  for (const directory of [paths.run, paths.environment, paths.coordinator, paths.temporary])
    mkdirSync(directory, { mode: 0o700 });
  if (ownWorkspace) mkdirSync(paths.workspace);
}

/** The jobs that have a directory, half-made ones included. */
export function listJobIds(root: string): string[] {
  return readdirSync(root).filter((name) => Id.safeParse(name).success);
}

/** The record, or undefined if there is none: then the making of the sandbox was interrupted early. */
export function readRecord(path: string): SandboxRecord | undefined {
  try {
    return SandboxRecord.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}

/** Writes a file so that whoever can open it reads all of it. */
export function writeWhole(path: string, content: string): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Takes the directory out of sight at once, then removes it. What does not exist is no error. */
export async function removeDirectory(directory: string, deleting: string): Promise<void> {
  const doomed = join(deleting, `${basename(directory)}.${randomUUID()}`);
  try {
    renameSync(directory, doomed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  await removeTree(doomed);
}

/**
 * Removes a directory and all in it, also what its owner may not write to, as package caches often are. Resolves when it
 * is gone, and rejects with what the last try met.
 */
export async function removeTree(directory: string): Promise<void> {
  for (let triesLeft = 10; ; triesLeft--) {
    const error = await rm(directory, { recursive: true, force: true }).then(
      () => undefined,
      (cause: unknown) => cause,
    );
    // rm rejects at its first error while the rest of it goes on, and then a later one may believe that all is done.
    if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return;
    if (triesLeft === 0)
      throw error ?? new DanubeError("unavailable", `The directory "${directory}" cannot be removed.`);
    unlock(directory);
    await delay(10);
  }
}

function unlock(directory: string): void {
  try {
    chmodSync(directory, 0o700);
    for (const entry of readdirSync(directory, { withFileTypes: true }))
      if (entry.isDirectory()) unlock(join(directory, entry.name));
  } catch (error) {
    // It may vanish meanwhile, or belong to somebody else; then the removal tells.
    if (!["ENOENT", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
