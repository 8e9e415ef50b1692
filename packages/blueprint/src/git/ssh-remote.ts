// SSH by way of the programs git and ssh: no library of ours speaks it, and what people have set up for them (known hosts,
// jump hosts, agents) goes on working.
import { spawn } from "node:child_process";
import { DanubeError } from "@danube/protocol";
import { branchMissing } from "./open-repository.ts";
import type { Remote, RemoteRequest } from "./remote.ts";

/** A repository behind ssh. `sshKeyPath` is the private key; without it, whatever ssh finds by itself. */
export function createSshRemote(request: RemoteRequest & { readonly sshKeyPath?: string }): Remote {
  const { url, branch, shownUrl } = request;
  const run = (args: readonly string[]) =>
    runGit(["-c", `core.sshCommand=${sshCommand(request.sshKeyPath)}`, ...args], request);
  const ref = `refs/heads/${branch}`;
  return {
    async findTip() {
      const heads = (await run(["ls-remote", "--heads", "--", url]))
        .split("\n")
        .map((line) => line.split("\t"))
        .filter((fields): fields is [string, string] => fields.length === 2);
      const tip = heads.find(([, name]) => name === ref);
      if (!tip)
        throw branchMissing(
          branch,
          shownUrl,
          heads.map(([, name]) => name.replace("refs/heads/", "")),
        );
      return tip[0];
    },
    async fetchTip(gitdir) {
      await run(["init", "--quiet", "--bare", gitdir]);
      const into = ["--git-dir", gitdir];
      await run([...into, "fetch", "--quiet", "--depth=1", "--no-tags", "--", url, `+${ref}:${ref}`]);
      return (await run([...into, "rev-parse", "--verify", `${ref}^{commit}`])).trim();
    },
  };
}

/** Never asks anything. A host that was never seen before is remembered; one whose key has changed is refused. */
function sshCommand(keyPath: string | undefined): string {
  const options = ["BatchMode=yes", "StrictHostKeyChecking=accept-new", "ConnectTimeout=15"];
  const key = keyPath === undefined ? [] : ["-o", "IdentitiesOnly=yes", "-i", `'${keyPath.replaceAll("'", `'\\''`)}'`];
  return ["ssh", ...options.flatMap((option) => ["-o", option]), ...key].join(" ");
}

/** What people have set up for git and ssh, without this server's own settings, of which some are secret. */
function environmentOf(inherited: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const passedOn = Object.entries(inherited).filter(([name]) => !/^(?:DANUBE_|GIT_DIR$|GIT_WORK_TREE$)/.test(name));
  return { ...Object.fromEntries(passedOn), GIT_TERMINAL_PROMPT: "0" };
}

/** Runs git and resolves to its standard output. Throws `unavailable` with git's own last words. */
function runGit(args: readonly string[], { shownUrl, signal }: RemoteRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, {
      env: environmentOf(process.env),
      stdio: ["ignore", "pipe", "pipe"],
      signal,
      killSignal: "SIGKILL",
    });
    const output: Buffer[] = [];
    const words: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => words.push(chunk));
    child.once("error", (error) => {
      if (signal.aborted && isTimeout(signal.reason))
        reject(new DanubeError("unavailable", `The server of ${shownUrl} did not answer in time.`, { cause: error }));
      else if (signal.aborted) reject(signal.reason as Error);
      else
        reject(
          new DanubeError(
            "unavailable",
            `The address ${shownUrl} needs the program git, which cannot be started: ${error.message}`,
            { cause: error },
          ),
        );
    });
    child.once("close", (code) => {
      if (code === 0) resolve(Buffer.concat(output).toString("utf8"));
      else {
        const said = Buffer.concat(words).toString("utf8").trim().split("\n").slice(-3).join(" ").slice(-500);
        reject(new DanubeError("unavailable", `git cannot fetch ${shownUrl}: ${said}`));
      }
    });
  });
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}
