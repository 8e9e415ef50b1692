// Brings exactly one commit into the workspace, with as little history as the server allows.
//
//   1. .git is written by hand, which spares a process.
//   2. The commit is fetched by its id. A server that refuses that is asked for the ref, deeper and deeper.
//   3. It is checked out detached, and HEAD is compared with what was asked for.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CheckoutError, checkoutError, isRefusedCommit } from "./checkout-error.ts";
import { createGitEnvironment, withoutCredentials } from "./git-environment.ts";
import { type GitEnd, runGit } from "./run-git.ts";

export interface CheckOutOptions {
  readonly url: string;
  readonly commitSha: string;
  /** Where the commit was seen, such as `refs/heads/main`. */
  readonly ref?: string;
  readonly authorization?: string;
  /** An empty directory. */
  readonly workspace: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** The pauses before further tries when the server cannot be reached, in milliseconds. */
  readonly retryDelaysMs?: readonly number[];
}

/** Deep enough to find a commit that is not the newest one of its ref any more; the last one is everything. */
const depths = [1, 50, 1_000, 2_147_483_647];

/** The first git command has been started when the call returns. Rejects with a CheckoutError, or with the signal's reason. */
export async function checkOut(options: CheckOutOptions): Promise<void> {
  const { url, commitSha, workspace, signal } = options;
  if (url.startsWith("-")) throw new CheckoutError(`"${url}" is not the URL of a repository.`, { isTransient: false });
  const gitDirectory = join(workspace, ".git");
  const env = environmentOf(options, gitDirectory);
  const git = (...words: string[]): Promise<GitEnd> => runGit(words, { cwd: workspace, env, signal });

  writeRepository(gitDirectory, options);
  await withRetries(options, () => fetchCommit(git, options));
  const end = await git("checkout", "--quiet", "--force", "--no-recurse-submodules", "--detach", commitSha, "--");
  if (end.exitCode !== 0) throw checkoutError(`The commit ${commitSha} could not be checked out`, url, end.stderr);
  const head = readFileSync(join(gitDirectory, "HEAD"), "utf8").trim();
  if (head !== commitSha)
    throw new CheckoutError(`HEAD is ${head} after the checkout of ${commitSha}.`, { isTransient: false });
}

type Git = (...words: string[]) => Promise<GitEnd>;

function environmentOf(options: CheckOutOptions, gitDirectory: string): Record<string, string> {
  const { url, authorization, workspace, environment } = options;
  try {
    return createGitEnvironment({ url, authorization, gitDirectory, workTree: workspace, inherited: environment });
  } catch (error) {
    throw new CheckoutError((error as Error).message, { isTransient: false });
  }
}

/** What `git init` would write, and `origin` without credentials, for steps that want to fetch more. */
function writeRepository(gitDirectory: string, { url, commitSha }: CheckOutOptions): void {
  mkdirSync(join(gitDirectory, "objects"), { recursive: true });
  mkdirSync(join(gitDirectory, "refs"));
  const usesSha256 = commitSha.length === 64;
  const quotedUrl = withoutCredentials(url).replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n");
  const lines = [
    "[core]",
    `\trepositoryformatversion = ${usesSha256 ? 1 : 0}`,
    "\tfilemode = true",
    "\tbare = false",
    "\tlogallrefupdates = true",
    ...(usesSha256 ? ["[extensions]", "\tobjectformat = sha256"] : []),
    '[remote "origin"]',
    `\turl = "${quotedUrl}"`,
    "\tfetch = +refs/heads/*:refs/remotes/origin/*",
    "",
  ];
  writeFileSync(join(gitDirectory, "config"), lines.join("\n"));
  writeFileSync(join(gitDirectory, "HEAD"), "ref: refs/heads/main\n");
}

async function fetchCommit(git: Git, { url, commitSha, ref }: CheckOutOptions): Promise<void> {
  const fetch = (depth: number, refspec: string): Promise<GitEnd> =>
    git(
      "fetch",
      `--depth=${depth}`,
      "--quiet",
      "--no-tags",
      "--no-recurse-submodules",
      "--no-write-fetch-head",
      "--no-auto-maintenance",
      "--",
      url,
      refspec,
    );
  const what = `The repository ${withoutCredentials(url)} could not be fetched`;
  const byId = await fetch(1, commitSha);
  if (byId.exitCode === 0) return;
  if (!isRefusedCommit(byId.stderr)) throw checkoutError(what, url, byId.stderr);
  const isUsable = ref !== undefined && isPlainRef(ref);
  for (const depth of isUsable ? depths : depths.slice(-1)) {
    // Without a ref: every branch, under names that are not in anybody's way.
    const end = await fetch(depth, isUsable ? ref : "+refs/heads/*:refs/danube/*");
    if (end.exitCode !== 0) throw checkoutError(what, url, end.stderr);
    if ((await git("cat-file", "-e", `${commitSha}^{commit}`)).exitCode === 0) return;
  }
  throw new CheckoutError(
    `The commit ${commitSha} is not on ${isUsable ? ref : "any branch"} of ${withoutCredentials(url)} (any more).`,
    { isTransient: false },
  );
}

/** Whether it is a full ref that means itself in a refspec. Source: git-check-ref-format(1). */
function isPlainRef(ref: string): boolean {
  // oxlint-disable-next-line no-control-regex -- git refuses them, too
  return /^refs\/(?!.*(\.\.|@\{|\/\/|\.lock(\/|$)|\/\.|[./]$))[^\u0000- \u007f~^:?*[\\]+$/.test(ref);
}

async function withRetries(options: CheckOutOptions, work: () => Promise<void>): Promise<void> {
  for (const delayMs of options.retryDelaysMs ?? [500, 2_000, 5_000, 15_000]) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CheckoutError && error.isTransient)) throw error;
      await sleep(delayMs, undefined, { signal: options.signal });
    }
  }
  await work();
}
