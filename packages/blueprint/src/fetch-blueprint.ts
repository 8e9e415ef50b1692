// A Blueprint's files, out of the Git repository where they live: over http(s), over ssh, or from this machine's disk.
import { promises as fs } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { DanubeError } from "@danube/protocol";
import { createHttpRemote } from "./git/http-remote.ts";
import { openRepository, resolveBranch } from "./git/open-repository.ts";
import { readBlueprintFiles } from "./git/read-files.ts";
import type { Remote } from "./git/remote.ts";
import { createSshRemote } from "./git/ssh-remote.ts";

export interface BlueprintLocation {
  /** `https://…`, `http://…`, `ssh://…`, `git@host:path`, `file:///…` or an absolute path. */
  readonly url: string;
  readonly branch: string;
  /** Scratch space for fetched objects: made if missing, and emptied again. No two processes may share it. */
  readonly directory: string;
  /** The private key for ssh. */
  readonly sshKeyPath?: string;
  /** The password for http(s), sent only when the server asks for one. */
  readonly token?: string;
  readonly signal?: AbortSignal;
  /** After this long without a result the server counts as unreachable: 60,000 ms unless told otherwise. */
  readonly timeoutMs?: number;
}

export interface FetchedBlueprint {
  readonly commitSha: string;
  /** By path, such as `pipelines/site.json`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * The commit at the tip of the branch, without its content: cheap enough to ask often. Throws a DanubeError with a sentence
 * for the operator: `not_found` (repository, branch, or any commit at all), `forbidden`, `unavailable`, `invalid_request`.
 */
export async function findBlueprintCommit(location: BlueprintLocation): Promise<string> {
  const source = sourceOf(location);
  if (source.kind === "remote") return source.remote.findTip();
  return resolveBranch(await openRepository(source.path), location.branch, source.path);
}

/**
 * The Blueprint's files at the tip of the branch. Fetches that one commit anew each time and keeps nothing, so that no
 * interruption can leave anything behind to go wrong later. Throws like `findBlueprintCommit`, and `payload_too_large`.
 */
export async function fetchBlueprint(location: BlueprintLocation): Promise<FetchedBlueprint> {
  const source = sourceOf(location);
  if (source.kind === "local") {
    const gitdir = await openRepository(source.path);
    const commitSha = await resolveBranch(gitdir, location.branch, source.path);
    return { commitSha, files: await readBlueprintFiles(gitdir, commitSha, location.signal) };
  }
  await fs.rm(location.directory, { recursive: true, force: true });
  await fs.mkdir(location.directory, { recursive: true, mode: 0o700 });
  try {
    const gitdir = path.join(location.directory, "objects.git");
    const commitSha = await source.remote.fetchTip(gitdir);
    return { commitSha, files: await readBlueprintFiles(gitdir, commitSha, location.signal) };
  } finally {
    await fs.rm(location.directory, { recursive: true, force: true });
  }
}

type Source = { readonly kind: "local"; readonly path: string } | { readonly kind: "remote"; readonly remote: Remote };

function sourceOf(location: BlueprintLocation): Source {
  const { url, branch, sshKeyPath, token, timeoutMs = 60_000 } = location;
  checkBranch(branch);
  location.signal?.throwIfAborted();
  if (path.isAbsolute(url)) return { kind: "local", path: url };
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = location.signal ? AbortSignal.any([location.signal, timeout]) : timeout;
  const request = { url, branch, signal };
  const isUrl = URL.canParse(url);
  const scheme = isUrl ? new URL(url).protocol : undefined;
  switch (scheme) {
    case "file:":
      return { kind: "local", path: fileURLToPath(url) };
    case "http:":
    case "https:":
      return { kind: "remote", remote: createHttpRemote({ ...request, shownUrl: withoutCredentials(url), token }) };
    case "ssh:":
      return { kind: "remote", remote: createSshRemote({ ...request, shownUrl: withoutCredentials(url), sshKeyPath }) };
    default:
      // git@host:path; a colon right after it would name a remote helper, which is a command.
      if (/^(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?![:/]{2})[^:].*$/.test(url))
        return { kind: "remote", remote: createSshRemote({ ...request, shownUrl: url, sshKeyPath }) };
      throw new DanubeError(
        "invalid_request",
        `${JSON.stringify(url)} is not the address of a Git repository; write https://…, ssh://…, git@host:path, file:///… or an absolute path.`,
      );
  }
}

/** Source: git-check-ref-format(1), as far as it matters for a name that becomes part of a path and an argument. */
function checkBranch(branch: string): void {
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
  if (branch === "" || /\.\.|^[-/.]|\/\.|[/.]$|\/\/|[\u0000- ~^:?*[\\\u007f]|@\{/.test(branch))
    throw new DanubeError("invalid_request", `${JSON.stringify(branch)} is not the name of a branch.`);
}

function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  if (parsed.protocol !== "ssh:") parsed.username = ""; // it may be a token
  parsed.password = "";
  return parsed.href;
}
