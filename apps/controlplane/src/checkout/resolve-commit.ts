// Which commit a job is about, when its trigger does not say: asked of the repository with `git ls-remote`.
import { execFile } from "node:child_process";
import { CommitSha, DanubeError } from "@danube/protocol";
import { gitEnvironment } from "./git-environment.ts";

export interface ResolveCommitRequest {
  readonly url: string;
  /** A full ref such as `refs/heads/main`; the default branch if absent. */
  readonly ref?: string;
  /** The value of an Authorization header for the URL's own origin. */
  readonly authorization?: string;
  /** Whether `url` may be a path or `file:` URL of this machine. */
  readonly allowLocal: boolean;
  /** The server's environment, of which Git gets what it needs to reach the network. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type ResolvedCommit =
  | { readonly type: "found"; readonly commitSha: string /** The full ref it was found under. */; readonly ref: string }
  /** The repository answered, and has no such ref. */
  | { readonly type: "missing"; readonly message: string };

/** Rejects with `unavailable`, which may pass, when the repository gave no answer. */
export async function resolveCommit(request: ResolveCommitRequest): Promise<ResolvedCommit> {
  const wanted = request.ref ?? "HEAD";
  const output = await listRemote(request, wanted);
  let symbolic: string | undefined;
  const found = new Map<string, string>();
  for (const line of output.split("\n")) {
    const [left = "", name = ""] = line.split("\t");
    if (left.startsWith("ref: ")) symbolic = left.slice("ref: ".length);
    else if (CommitSha.safeParse(left).success) found.set(name, left);
  }
  // An annotated tag is an object of its own; `^{}` is the commit that it names.
  const commitSha = found.get(`${wanted}^{}`) ?? found.get(wanted);
  if (commitSha !== undefined) {
    return { type: "found", commitSha, ref: wanted === "HEAD" ? (symbolic ?? "HEAD") : wanted };
  }
  const message =
    wanted === "HEAD"
      ? "The repository has no commit yet, or its default branch does not exist."
      : `The repository has no ref "${wanted}".`;
  return { type: "missing", message };
}

function listRemote(request: ResolveCommitRequest, wanted: string): Promise<string> {
  // What follows `--` is never read as an option, whatever it begins with.
  const patterns = wanted === "HEAD" ? [wanted] : [wanted, `${wanted}^{}`];
  const args = ["ls-remote", "--quiet", "--symref", "--", request.url, ...patterns];
  return new Promise((resolve, reject) => {
    execFile(
      "git",
      args,
      {
        env: gitEnvironment(request),
        cwd: "/",
        encoding: "utf8",
        timeout: request.timeoutMs,
        killSignal: "SIGKILL",
        maxBuffer: 1_048_576,
        signal: request.signal,
      },
      (error, stdout, stderr) => {
        if (!error) resolve(stdout);
        else if (error.killed === true) reject(failed(`git did not answer within ${request.timeoutMs / 1_000} s`));
        else reject(failed(firstLine(stderr) ?? error.message.split("\n")[0] ?? "git failed"));
      },
    );
  });
}

function failed(why: string): DanubeError {
  return new DanubeError("unavailable", `The repository could not be asked for its commits: ${why}`);
}

function firstLine(text: string): string | undefined {
  const line = text.split("\n").find((candidate) => candidate.trim() !== "");
  // URLs in Git's messages may hold credentials.
  return line?.replaceAll(/\/\/[^/@\s]+@/g, "//***@").slice(0, 300);
}
