// Runs one step to its end: asks the control plane to launch it, follows its files, and takes up again after every break, for
// as long as it takes. The step itself does not notice any of this.
import type { Logger } from "@danube/kit";
import {
  DanubeError,
  type JobMethods,
  type RunStepRequest,
  type StepOffsets,
  type StepResult,
  type StepServerFrame,
} from "@danube/protocol";
import { resubscribe, type RpcClient } from "@danube/rpc";
import { readCapturedStdout } from "./captured-stdout.ts";
import { type FoundExit, sendStep } from "./send-step.ts";
import { openStepFiles, type StepFiles } from "./step-files.ts";
import { createWake } from "./wake.ts";
import { watchStepDirectory } from "./watch-step-directory.ts";

export interface FollowStepOptions {
  readonly client: Pick<RpcClient<JobMethods>, "runStep">;
  readonly runDirectory: string;
  readonly request: RunStepRequest;
  readonly logger: Logger;
  /** Gives up: the Coordinator ends. */
  readonly signal: AbortSignal;
}

export interface FollowedStep {
  readonly result: StepResult;
  readonly stdout?: { readonly text: string; readonly truncated: boolean };
}

/** Resolves with the end that the server has stored; rejects with what no second try helps against. */
export async function followStep(options: FollowStepOptions): Promise<FollowedStep> {
  const { runDirectory, request, logger, signal } = options;
  const files = openStepFiles(runDirectory, request.stepId, request);
  const findExit = createExitFinder(files);
  try {
    const attempts = resubscribe((signal) => attempt({ ...options, signal }, files, findExit), {
      name: `step ${request.stepId}`,
      signal,
      logger,
    });
    for await (const event of attempts) {
      if (event === "accepted") continue;
      const stdout = request.capture ? { stdout: readCapturedStdout(files) } : {};
      files.discard();
      return { result: event, ...stdout };
    }
    signal.throwIfAborted();
    throw new DanubeError("internal", "The step's calls ended without a result.");
  } finally {
    files.close();
  }
}

/** One run-step call. Yields `accepted`, so that the next break is answered without delay, and at last the result. */
async function* attempt(
  { client, runDirectory, request, signal }: FollowStepOptions,
  files: StepFiles,
  findExit: ReturnType<typeof createExitFinder>,
): AsyncGenerator<"accepted" | StepResult> {
  const call = client.runStep(request, { signal });
  const frames = call[Symbol.asyncIterator]();
  const wake = createWake();
  let isOver = false;
  let sending: Promise<void> | undefined;
  let watching: { stop(): void } | undefined;
  try {
    const accepted = expectAccepted(await frames.next());
    yield "accepted";
    let acknowledged = accepted;
    watching = watchStepDirectory(runDirectory, request.stepId, () => wake.wake());
    sending = sendStep({
      files,
      accepted,
      acknowledged: () => acknowledged,
      wake,
      isOver: () => isOver,
      findExit,
      send: (frame, payload) => call.send(frame, payload),
    });
    // Whatever breaks the sending off ends the frames, too: a broken call by itself, an unreadable file by closing it.
    void sending.catch(() => call.close());
    for (;;) {
      const next = await frames.next();
      if (next.done) break;
      if (next.value.type === "result") return yield next.value.result;
      if (next.value.type === "ack") acknowledged = next.value.offsets;
      wake.wake();
    }
    await sending;
    throw new DanubeError("connection_lost", "The server ended the call without a result.");
  } finally {
    isOver = true;
    wake.wake();
    watching?.stop();
    call.close();
    await sending?.catch(() => undefined);
  }
}

function expectAccepted(next: IteratorResult<StepServerFrame>): StepOffsets {
  if (next.done) throw new DanubeError("connection_lost", "The server ended the call before it accepted the step.");
  if (next.value.type === "accepted") return next.value.offsets;
  throw new DanubeError("protocol_violation", `The server's first frame was "${next.value.type}", not "accepted".`);
}

/** The exit, once recorded, with the files' sizes at the moment it was found; both stay the same over all calls. */
function createExitFinder(files: StepFiles): () => FoundExit | undefined {
  let found: FoundExit | undefined;
  return () => {
    if (found) return found;
    const exitCode = files.exitCode();
    if (exitCode !== undefined) found = { exitCode, sizes: files.sizes(), outOfMemory: files.ranOutOfMemory() };
    return found;
  };
}
