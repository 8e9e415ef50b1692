// Asks the launcher in a container by Kubernetes Exec: one short call, and no more trust in its connection than that.
//
// The answer counts only when all of it is there: the launcher's line on standard output and the server's status that
// the program ended with code 0. A stream that closes without a status, that is silent for too long, or that reports success
// without the line, is "not known", and the caller asks again. No step's result ever comes from here.
import { PassThrough, Writable } from "node:stream";
import type { Exec, V1Status } from "@kubernetes/client-node";
import { DanubeError } from "@danube/protocol";
import { type LauncherCommand, launcherArguments, parseLauncherAnswer, type StepProbe } from "@danube/runtime";
import { messageOf } from "./api-errors.ts";
import { podPaths } from "./pod-spec.ts";

export interface LauncherExecOptions {
  readonly exec: Pick<Exec, "exec">;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** How long one call may take, from its beginning. */
  readonly timeoutMs: number;
}

/** Rejects with `exec_interrupted` when it is not known what happened. */
export async function execLauncher(command: LauncherCommand, options: LauncherExecOptions): Promise<StepProbe> {
  const place = { busybox: podPaths.busybox, launcherPath: podPaths.launcher, runDirectory: podPaths.run };
  const argv = launcherArguments(place, command);
  const { output, status } = await execToEnd(argv, command.verb === "launch" ? command.script : undefined, options);
  if (status.status !== "Success") {
    throw new DanubeError(
      "exec_interrupted",
      `The launcher failed in container ${options.container}: ${status.message ?? status.reason ?? "no reason"}; it said ${JSON.stringify(output.slice(0, 300))}.`,
    );
  }
  return parseLauncherAnswer(output);
}

/** What we use of the web socket that the client library opens. */
interface ExecConnection {
  on(event: "close" | "error", listener: (cause?: unknown) => void): unknown;
  close(): void;
}

/** Runs a command in a container. Rejects with `exec_interrupted` unless the server reports how it ended. */
export async function execToEnd(
  argv: string[],
  input: Uint8Array | undefined,
  options: LauncherExecOptions,
): Promise<{ output: string; status: V1Status }> {
  const { exec, namespace, pod, container, timeoutMs } = options;
  const stdout = collect();
  const stdin = input === undefined ? null : new PassThrough();
  const ended = Promise.withResolvers<V1Status>();
  ended.promise.catch(() => undefined); // it may fail before anybody waits for it
  const interrupted = (why: string, cause?: unknown) =>
    ended.reject(new DanubeError("exec_interrupted", `Exec in ${pod}/${container}: ${why}.`, { cause }));
  const timer = setTimeout(() => interrupted(`no answer within ${timeoutMs} ms`), timeoutMs);
  const opening = exec
    .exec(namespace, pod, container, argv, stdout.stream, collect().stream, stdin, false, ended.resolve)
    .then((opened): ExecConnection => {
      const connection = opened as ExecConnection;
      connection.on("close", () => interrupted("the connection closed without a status"));
      connection.on("error", (cause) => interrupted("the connection broke", cause));
      // Never ended: without the newest protocol, ending standard input would end the whole connection.
      if (input !== undefined) stdin?.write(input);
      return connection;
    });
  opening.catch((error: unknown) => interrupted(refusalOf(error), error));
  try {
    const status = await ended.promise;
    return { output: stdout.text(), status };
  } finally {
    clearTimeout(timer);
    void opening.then((connection) => connection.close()).catch(() => undefined); // never opened: nothing to close
  }
}

/** A sink that keeps the first 64 KiB. */
function collect(): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  let size = 0;
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (size < 65_536) chunks.push(chunk);
      size += chunk.length;
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}

function refusalOf(error: unknown): string {
  if (typeof error === "object" && error !== null && "message" in error && typeof error.message === "string")
    return error.message;
  return messageOf(error);
}
