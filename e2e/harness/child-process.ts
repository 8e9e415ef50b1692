// A child process whose lines can be awaited and whose end is certain.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface RunningProcess {
  readonly pid: number;
  /** Everything printed so far, both streams, for a failure's message. */
  output(): string;
  /** The first line, past or future, that `match` returns a value for. Rejects when the process ends before. */
  line<T>(match: (line: string) => T | undefined): Promise<T>;
  /** Resolves to the exit code, or to the signal's name. */
  readonly ended: Promise<number | NodeJS.Signals>;
  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

export function startProcess(
  command: string,
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string | undefined>>;
    readonly input?: string;
    /** In a process group of its own, which Ctrl-C in a terminal does not reach: only `kill` ends it then. */
    readonly detached?: boolean;
  } = {},
): RunningProcess {
  const child: ChildProcess = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    detached: options.detached ?? false,
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  child.stdin?.end(options.input);
  const lines: string[] = [];
  const watchers = new Set<(line: string) => void>();
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const watcher of watchers) watcher(line);
    });
  }
  const ended = once(child, "close").then(
    ([code, signal]): number | NodeJS.Signals => (code ?? signal) as number | NodeJS.Signals,
  );
  const name = [command, ...args].join(" ");
  return {
    pid: child.pid ?? -1,
    ended,
    output: () => lines.join("\n"),
    line: (match) =>
      new Promise((resolve, reject) => {
        const watcher = (line: string) => {
          const found = match(line);
          if (found === undefined) return;
          watchers.delete(watcher);
          resolve(found);
        };
        for (const line of lines) {
          const found = match(line);
          if (found !== undefined) return resolve(found);
        }
        watchers.add(watcher);
        void ended.then((end) =>
          reject(new Error(`${name} ended (${end}) before it said what was awaited:\n${lines.slice(-40).join("\n")}`)),
        );
      }),
    async kill(signal) {
      child.kill(signal);
      return ended;
    },
  };
}
