// A Coordinator that does what the test says, over real RPC.
import { newId, silentLogger } from "@danube/kit";
import {
  type AttachEvent,
  jobMethods,
  type JobMethods,
  type RunStepRequest,
  type StepResult,
  type StepServerFrame,
} from "@danube/protocol";
import { createRpcClient, type DuplexCall, type RpcClient } from "@danube/rpc";
import type { z } from "zod";

type StepRequest = z.input<typeof RunStepRequest>;

export interface ScriptedStep {
  readonly stepId: string;
  /** Waits for the next frame of this type. */
  next<T extends StepServerFrame["type"]>(type: T): Promise<Extract<StepServerFrame, { type: T }>>;
  output(offset: number, text: string | Buffer, stream?: "output" | "stdout"): Promise<void>;
  exit(exitCode: number, sizes: { output: number; stdout?: number }): Promise<void>;
  /** Sends all of it and the exit, and waits for the result. */
  finish(text: string, exitCode: number): Promise<StepResult>;
  close(): void;
}

export interface ScriptedCoordinator {
  readonly jobId: string;
  readonly client: RpcClient<JobMethods>;
  /** What was heard on the newest attach call. */
  readonly heard: AttachEvent[];
  /** Attaches, and resolves when the context has come. */
  attach(): Promise<void>;
  /** Ends the attach call, as a broken connection does. */
  detach(): void;
  /** Calls run-step, and resolves when the step was accepted. */
  runStep(request?: Partial<StepRequest>): Promise<ScriptedStep>;
  openStep(request?: Partial<StepRequest>): ScriptedStep;
  close(): Promise<void>;
}

export function connectCoordinator(options: { jobId: string; token: string; url: string }): ScriptedCoordinator {
  const { jobId, token, url } = options;
  const client = createRpcClient({ url, methods: jobMethods, token, logger: silentLogger });
  const heard: AttachEvent[] = [];
  let attachment = new AbortController();
  let sequence = 0;
  const openStep = (request: Partial<StepRequest> = {}): ScriptedStep => {
    sequence += 1;
    const stepId = request.stepId ?? newId();
    const whole = { name: "Build", sequence, command: { shell: "make" }, ...request, stepId };
    return scriptedStep(stepId, client.runStep(whole));
  };
  return {
    jobId,
    client,
    heard,
    async attach() {
      attachment.abort();
      attachment = new AbortController();
      heard.length = 0;
      const events = client.attach({}, { signal: attachment.signal })[Symbol.asyncIterator]();
      const first = await events.next();
      if (first.done !== true) heard.push(first.value);
      void (async () => {
        for (let event = await events.next(); event.done !== true; event = await events.next()) heard.push(event.value);
      })().catch(() => undefined);
    },
    detach: () => attachment.abort(),
    openStep,
    async runStep(request) {
      const step = openStep(request);
      await step.next("accepted");
      return step;
    },
    async close() {
      attachment.abort();
      await client.close();
    },
  };
}

function scriptedStep(
  stepId: string,
  call: DuplexCall<z.input<JobMethods["runStep"]["clientFrame"]>, StepServerFrame>,
): ScriptedStep {
  const frames = call[Symbol.asyncIterator]();
  const next: ScriptedStep["next"] = async (type) => {
    for (;;) {
      const { done, value } = await frames.next();
      if (done === true) throw new Error(`The call ended before a frame "${type}" came.`);
      if (value.type === type) return value as never;
    }
  };
  const output: ScriptedStep["output"] = async (offset, text, stream = "output") => {
    const bytes = Buffer.from(text);
    await call.send({ type: "output", stream, offset, length: bytes.length }, bytes);
  };
  const exit: ScriptedStep["exit"] = (exitCode, sizes) =>
    call.send({ type: "exit", exitCode, sizes: { stdout: 0, ...sizes } });
  return {
    stepId,
    next,
    output,
    exit,
    async finish(text, exitCode) {
      if (text !== "") await output(0, text);
      await exit(exitCode, { output: Buffer.byteLength(text) });
      return (await next("result")).result;
    },
    close: () => call.close(),
  };
}
