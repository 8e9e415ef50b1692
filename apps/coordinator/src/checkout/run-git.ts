import { spawn } from "node:child_process";

/** How one git command ended. */
export interface GitEnd {
  readonly exitCode: number;
  /** The end of what it wrote to standard error. */
  readonly stderr: string;
}

const stderrBytes = 65_536;

/** Runs git in a process of its own; an abort kills it and rejects with the signal's reason. Rejects when git is missing. */
export function runGit(
  words: readonly string[],
  options: { readonly cwd: string; readonly env: Record<string, string>; readonly signal: AbortSignal },
): Promise<GitEnd> {
  const { cwd, env, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    // A group of its own, so that what git itself starts is ended with it.
    const child = spawn("git", words, { cwd, env, stdio: ["ignore", "ignore", "pipe"], detached: true });
    let stderr = "";
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    };
    signal.addEventListener("abort", kill, { once: true });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-stderrBytes);
    });
    child.once("error", (error) => {
      signal.removeEventListener("abort", kill);
      reject(new Error(`git could not be started: ${error.message}`, { cause: error }));
    });
    child.once("close", (code, signalName) => {
      signal.removeEventListener("abort", kill);
      if (signal.aborted) return reject(signal.reason);
      resolve({ exitCode: code ?? 128, stderr: signalName === null ? stderr : `git was killed by ${signalName}` });
    });
  });
}
