// Starts the supervisors of steps (see launcher.sh). To fork this process takes the longer the larger it is, and blocks it
// all the while; so a small shell, `launcher.sh serve`, does it on request. Where that cannot be, we do it ourselves.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Readable } from "node:stream";
import { hasProc, markVariable } from "./process-table.ts";

export interface SupervisorRequest {
  readonly runDirectory: string;
  readonly stepId: string;
  readonly capture: boolean;
  /** Path of the step's script. It is not needed any more once the answer is there. */
  readonly scriptPath: string;
  /** Path of the file that exports the command's environment. */
  readonly environmentPath: string;
  /** Marks the process (see process-table.ts). */
  readonly mark: string;
}

export interface SupervisorStarter {
  /** Resolves to "claimed", "lost", or whatever else was said: then it is not known what happened. Never rejects. */
  start(request: SupervisorRequest): Promise<string>;
  /** Lets go of the shell; supervisors go on. */
  stop(): void;
}

export interface SupervisorStarterOptions {
  readonly launcherPath: string;
  /** Whether to use a shell of its own. Not as the first process of a container, where nobody would reap the orphans. */
  readonly serve?: boolean;
}

const answerDeadlineMs = 10_000;

export function createSupervisorStarter(options: SupervisorStarterOptions): SupervisorStarter {
  const { launcherPath, serve = hasProc && process.pid !== 1 } = options;
  let server: Server | undefined;
  let broken = false;
  return {
    async start(request) {
      const words = [request.runDirectory, request.scriptPath, request.environmentPath, request.mark];
      if (!serve || broken || words.some((word) => /[\t\n]/.test(word)))
        return await startDirectly(launcherPath, request);
      server ??= startServer(launcherPath, (answered) => {
        server = undefined;
        // One that never worked will not work the next time either.
        broken ||= !answered;
      });
      return await server.ask(request);
    },
    stop() {
      server?.stop();
      server = undefined;
    },
  };
}

interface Server {
  ask(request: SupervisorRequest): Promise<string>;
  stop(): void;
}

function startServer(launcherPath: string, onEnd: (answered: boolean) => void): Server {
  const waiting = new Map<string, (answer: string) => void>();
  let number = 0;
  let answered = false;
  let text = "";
  // In a session of its own: an interrupt at the terminal is for us, and steps may have to be started after it.
  const child = spawn("/bin/sh", [launcherPath, "serve", "-", "-", "-"], {
    cwd: "/",
    env: {},
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const { stdin: input, stdout: output } = child;
  letGo(child);
  let ended = false;
  const end = () => {
    if (ended) return;
    ended = true;
    onEnd(answered);
    for (const resolve of waiting.values()) resolve("the starter of supervisors has ended");
    waiting.clear();
  };
  child.once("error", end);
  child.once("exit", end);
  input.on("error", end);
  output.setEncoding("utf8");
  output.on("data", (chunk: string) => {
    const lines = (text + chunk).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const [id, answer] = line.split(" ", 2);
      const resolve = waiting.get(id ?? "");
      if (resolve === undefined || answer === undefined) continue;
      answered = true;
      waiting.delete(id ?? "");
      resolve(answer);
    }
  });
  return {
    ask: ({ capture, mark, stepId, runDirectory, scriptPath, environmentPath }) =>
      new Promise((resolve) => {
        const id = String(++number);
        const timer = setTimeout(() => {
          if (waiting.delete(id)) resolve("there was no answer in time");
        }, answerDeadlineMs);
        waiting.set(id, (answer) => {
          clearTimeout(timer);
          resolve(answer);
        });
        input.write(
          `${[id, capture ? "1" : "0", mark, stepId, runDirectory, scriptPath, environmentPath].join("\t")}\n`,
        );
      }),
    stop: () => input.end(),
  };
}

// Neither the process nor its pipes shall keep us alive.
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref(): void }).unref();
}

function startDirectly(launcherPath: string, request: SupervisorRequest): Promise<string> {
  const { runDirectory, stepId, capture, scriptPath, environmentPath, mark } = request;
  return new Promise((resolve) => {
    let script: number | undefined;
    try {
      script = openSync(scriptPath, "r");
      const words = [launcherPath, "supervise", "-", runDirectory, stepId, capture ? "1" : "0", "0", environmentPath];
      const child = spawn("/bin/sh", words, {
        cwd: "/",
        env: { [markVariable]: mark },
        detached: true,
        stdio: ["ignore", "pipe", "ignore", script],
      });
      const output = child.stdout as Readable;
      child.unref();
      child.once("error", (error) => resolve(error.message));
      let answer = "";
      const finish = () => {
        clearTimeout(timer);
        output.destroy();
        resolve(answer.trim().replace(/^0 /, ""));
      };
      const timer = setTimeout(finish, answerDeadlineMs);
      output.setEncoding("utf8");
      output.on("data", (chunk: string) => {
        answer += chunk;
        if (/^0 (?:claimed|lost)\n$/.test(answer)) finish();
      });
      output.once("close", finish);
    } catch (error) {
      resolve(String(error));
    } finally {
      if (script !== undefined) closeSync(script);
    }
  });
}
