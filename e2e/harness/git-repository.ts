// Real Git repositories in temporary directories: a bare one, as a forge would hold, and a clone to work in.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

export interface GitRepository {
  /** The bare repository's `file:` URL. */
  readonly url: string;
  /** The clone. */
  readonly directory: string;
  /** Writes `files`, commits everything and pushes the current branch; returns the commit's id. */
  push(files: Readonly<Record<string, string>>, message?: string): string;
  git(...args: readonly string[]): string;
}

/** Makes an empty repository with branch `main` under `parent` (a new temporary directory if none is given). */
export function createGitRepository(name: string, parent = mkdtempSync(join(tmpdir(), "danube-git-"))): GitRepository {
  const bare = join(parent, `${name}.git`);
  const directory = join(parent, name);
  run(parent, "init", "-q", "--bare", "--initial-branch=main", bare);
  run(parent, "init", "-q", "--initial-branch=main", directory);
  run(directory, "remote", "add", "origin", bare);
  const git = (...args: readonly string[]) => run(directory, ...args);
  return {
    url: pathToFileURL(bare).href,
    directory,
    git,
    push(files, message = "change") {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        writeFileSync(join(directory, path), text);
      }
      git("add", "--all");
      git("commit", "-q", "--allow-empty", "-m", message);
      git("push", "-q", "origin", "HEAD");
      return git("rev-parse", "HEAD");
    },
  };
}

function run(directory: string, ...args: readonly string[]): string {
  const identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
  return execFileSync("git", [...identity, ...args], {
    cwd: directory,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}
