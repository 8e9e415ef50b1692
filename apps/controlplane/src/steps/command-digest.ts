import { createHash } from "node:crypto";
import type { RunStepRequest } from "@danube/protocol";

/**
 * What a step runs, as a SHA-256: by it a repeated request is told from another one. The values of environment variables are
 * left out, for the digest is public and short secrets could be guessed from it.
 */
export function digestCommand(request: RunStepRequest): string {
  const { command, cwd, worker, capture, timeoutMs } = request;
  const what = [
    "shell" in command ? { shell: command.shell } : { argv: command.argv },
    Object.keys(request.env).sort(),
    cwd ?? null,
    worker ?? null,
    capture,
    timeoutMs ?? null,
  ];
  return createHash("sha256").update(JSON.stringify(what)).digest("hex");
}
