// The Coordinator's side of one run-step call (the exchange is numbered in protocol/job-methods.ts): sends a step's files
// from the offsets that the server named, then its exit.
import type { StepClientFrame, StepOffsets } from "@danube/protocol";
import type { StepFiles } from "./step-files.ts";
import type { Wake } from "./wake.ts";

/** So many bytes may be under way without an acknowledgement: what the other side may have to hold for one step. */
const windowBytes = 4 * 1_048_576;
const chunkBytes = 512 * 1_024;

/** An exit with the sizes of the files that belong to it. */
export interface FoundExit {
  readonly exitCode: number;
  readonly sizes: StepOffsets;
  readonly outOfMemory?: boolean;
}

export interface SendStepOptions {
  readonly files: StepFiles;
  /** From where the server wants each file. */
  readonly accepted: StepOffsets;
  /** How far the server has acknowledged, now. */
  readonly acknowledged: () => StepOffsets;
  /** Woken when files may have changed, acknowledgements came, or the call is over. */
  readonly wake: Wake;
  readonly isOver: () => boolean;
  /** The exit, once there is one. Remembers what it has found. */
  readonly findExit: () => FoundExit | undefined;
  readonly send: (frame: StepClientFrame, payload?: Buffer) => Promise<void>;
}

/** Resolves when the exit was sent or the call is over; rejects with what `send` and reading reject with. */
export async function sendStep(options: SendStepOptions): Promise<void> {
  const { files, accepted, acknowledged, wake, isOver, findExit, send } = options;
  const sent = { ...accepted };
  while (!isOver()) {
    // The exit is looked for before the files: what they hold then is all that the command has written.
    const exit = findExit();
    let isWindowFull = false;
    for (const stream of files.streams) {
      while (!isWindowFull && !isOver()) {
        const { output, stdout } = acknowledged();
        const room = windowBytes - (sent.output + sent.stdout - output - stdout);
        const end = exit?.sizes[stream] ?? Number.POSITIVE_INFINITY;
        const wanted = Math.min(chunkBytes, end - sent[stream]);
        isWindowFull = room <= 0;
        if (isWindowFull || wanted <= 0) break;
        const offset = sent[stream];
        const chunk = files.read(stream, offset, Math.min(wanted, room));
        if (chunk.length === 0) break;
        await send({ type: "output", stream, offset, length: chunk.length }, chunk);
        sent[stream] = offset + chunk.length;
      }
    }
    // Sizes below what the server already has cannot be told: files only grow, unless the command cut its own output.
    if (exit !== undefined && files.streams.every((stream) => sent[stream] >= exit.sizes[stream])) {
      const { exitCode, outOfMemory } = exit;
      return await send({ type: "exit", exitCode, sizes: sent, ...(outOfMemory ? { outOfMemory } : {}) });
    }
    await wake.sleep();
  }
}
