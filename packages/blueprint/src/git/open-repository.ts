// A repository on this machine's disk, as isomorphic-git reads it: bare or with a working tree, a linked worktree too.
import { promises as fs } from "node:fs";
import path from "node:path";
import { DanubeError, isDanubeError } from "@danube/protocol";
import * as git from "isomorphic-git";

/**
 * The directory with the refs and objects of the repository at `location`. Throws `not_found` if there is none, and
 * `invalid_request` for a format that cannot be read.
 */
export async function openRepository(location: string): Promise<string> {
  const candidates = [path.join(location, ".git"), location];
  for (const candidate of candidates) {
    const directory = await followGitFile(candidate);
    if (!directory || !(await exists(path.join(directory, "HEAD")))) continue;
    const common = await readText(path.join(directory, "commondir"));
    const gitdir = common === undefined ? directory : path.resolve(directory, common.trim());
    if (!(await exists(path.join(gitdir, "objects")))) continue;
    await checkFormat(gitdir, location);
    return gitdir;
  }
  throw new DanubeError("not_found", `There is no Git repository at ${location}.`);
}

/**
 * The commit at the tip of `branch`. Throws `not_found`, with the branches that there are, if it does not exist.
 */
export async function resolveBranch(gitdir: string, branch: string, shownUrl: string): Promise<string> {
  try {
    return await git.resolveRef({ fs, gitdir, ref: `refs/heads/${branch}` });
  } catch (error) {
    if (!isGitError(error, "NotFoundError")) throw error;
    throw branchMissing(branch, shownUrl, await git.listBranches({ fs, gitdir }));
  }
}

/** The error for a branch that is not among the `branches` of a repository. */
export function branchMissing(branch: string, shownUrl: string, branches: readonly string[]): DanubeError {
  if (branches.length === 0)
    return new DanubeError("not_found", `The repository ${shownUrl} is empty: it has no branches yet.`);
  const shown = branches.slice(0, 10).map((name) => JSON.stringify(name));
  const more = branches.length > shown.length ? `, and ${branches.length - shown.length} more` : "";
  return new DanubeError(
    "not_found",
    `The repository ${shownUrl} has no branch ${JSON.stringify(branch)}; it has ${shown.join(", ")}${more}.`,
  );
}

/** Whether `error` is one of isomorphic-git's, with this code. */
export function isGitError(error: unknown, code: string): error is Error & { data: Record<string, unknown> } {
  return error instanceof Error && !isDanubeError(error) && "code" in error && error.code === code;
}

/** A `.git` that is a file names the directory it stands for. Source: gitrepository-layout(5). */
async function followGitFile(candidate: string): Promise<string | undefined> {
  const stat = await fs.stat(candidate).catch(() => undefined);
  if (!stat) return undefined;
  if (stat.isDirectory()) return candidate;
  const target = /^gitdir: (.+)$/m.exec((await readText(candidate)) ?? "")?.[1];
  return target === undefined ? undefined : path.resolve(path.dirname(candidate), target.trim());
}

async function checkFormat(gitdir: string, location: string): Promise<void> {
  const config = (await readText(path.join(gitdir, "config"))) ?? "";
  const unsupported = /^\s*objectformat\s*=\s*sha256\b/im.test(config)
    ? "SHA-256 commit ids"
    : /^\s*refstorage\s*=\s*reftable\b/im.test(config)
      ? "refs stored as reftable"
      : undefined;
  if (unsupported)
    throw new DanubeError(
      "invalid_request",
      `The Git repository at ${location} has ${unsupported}, which cannot be read here; use a repository with Git's default formats.`,
    );
}

async function readText(file: string): Promise<string | undefined> {
  return fs.readFile(file, "utf8").catch(() => undefined);
}

async function exists(file: string): Promise<boolean> {
  return fs.access(file).then(
    () => true,
    () => false,
  );
}
