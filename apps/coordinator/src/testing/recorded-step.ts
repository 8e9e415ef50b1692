// One step as the tests' control plane sees it: what it has received, whether the protocol was kept, and how it ended.
import {
  DanubeError,
  type RunStepRequest,
  type StepClientFrame,
  type StepResult,
  type StepServerFrame,
} from "@danube/protocol";
import type { DuplexFrame } from "@danube/rpc";
import { launch, type LaunchedStep } from "./tiny-launcher.ts";

export class RecordedStep {
  readonly request: RunStepRequest;
  readonly launched: LaunchedStep;
  readonly received = { output: [] as Buffer[], stdout: [] as Buffer[] };
  /** How many calls there were for this step. */
  calls = 0;
  result: StepResult | undefined;
  /** Resolves when the step has a result. */
  readonly ended: Promise<void>;
  readonly #losesExit: boolean;
  #onEnd = (): void => undefined;
  #cancelled = false;

  constructor(options: { request: RunStepRequest; runDirectory: string; workspace: string; losesExit: boolean }) {
    this.request = options.request;
    this.#losesExit = options.losesExit;
    this.ended = new Promise((resolve) => {
      this.#onEnd = resolve;
    });
    this.launched = launch(options);
  }

  get output(): string {
    return Buffer.concat(this.received.output).toString("utf8");
  }

  cancel(): void {
    if (this.result !== undefined) return;
    this.#cancelled = true;
    this.launched.kill("SIGTERM");
  }

  async *serve(frames: AsyncIterable<DuplexFrame<StepClientFrame>>): AsyncGenerator<StepServerFrame> {
    this.calls += 1;
    const offsets = { output: lengthOf(this.received.output), stdout: lengthOf(this.received.stdout) };
    yield { type: "accepted", offsets: { ...offsets } };
    if (this.#losesExit) {
      await this.launched.exited;
      this.result = { status: "lost", durationMs: 1, message: "its machine died" };
    }
    if (this.result !== undefined) {
      yield { type: "result", result: this.result };
      return;
    }
    for await (const { frame, payload } of frames) {
      if (frame.type === "output") {
        if (payload === undefined || payload.length !== frame.length) throw violation("the payload's length is wrong");
        if (frame.offset !== offsets[frame.stream])
          throw violation(`offset ${frame.offset}, expected ${offsets.output}`);
        this.received[frame.stream].push(Buffer.from(payload));
        offsets[frame.stream] += payload.length;
        yield { type: "ack", offsets: { ...offsets } };
        continue;
      }
      if (frame.sizes.output !== offsets.output || frame.sizes.stdout !== offsets.stdout) throw violation("sizes");
      this.result = resultOf(frame.exitCode, this.#cancelled);
      this.#onEnd();
      yield { type: "result", result: this.result };
      return;
    }
  }
}

function resultOf(exitCode: number, cancelled: boolean): StepResult {
  const status = cancelled ? "cancelled" : exitCode === 0 ? "success" : "failure";
  return { status, exitCode, durationMs: 1 };
}

function lengthOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

function violation(message: string): DanubeError {
  return new DanubeError("protocol_violation", message);
}
