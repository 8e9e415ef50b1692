// The files that a launcher writes for one step, as the Coordinator reads them. Reading is synchronous: the files are local
// and small pieces of them are asked for often, so a turn of the thread pool would cost more than the read.
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { parseExitFile, type StepOffsets, type StepStream, stepFile, stepFileNames } from "@danube/protocol";

export interface StepFiles {
  /** Those that this step has. */
  readonly streams: readonly StepStream[];
  /** Up to `length` bytes from `offset` on; none if there are no more yet. A fresh buffer each time. */
  read(stream: StepStream, offset: number, length: number): Buffer;
  sizes(): StepOffsets;
  /** The recorded exit code; undefined as long as there is none. */
  exitCode(): number | undefined;
  /** Whether the container ran out of memory under the command. Known once there is an exit code. */
  ranOutOfMemory(): boolean;
  /** Closes the files and removes what only the log needs. Where the step was claimed stays recorded. */
  discard(): void;
  close(): void;
}

export function openStepFiles(runDirectory: string, stepId: string, options: { capture: boolean }): StepFiles {
  const streams: readonly StepStream[] = options.capture ? ["output", "stdout"] : ["output"];
  // Held open once found, so that what follows is about the same file whatever happens to its name.
  const descriptors: Partial<Record<StepStream, number>> = {};
  const pathOf = (stream: StepStream): string => stepFile(runDirectory, stepId, stepFileNames[stream]);
  const descriptor = (stream: StepStream): number | undefined => {
    if (!streams.includes(stream)) return undefined;
    descriptors[stream] ??= ifPresent(() => openSync(pathOf(stream), "r"));
    return descriptors[stream];
  };
  const sizeOf = (stream: StepStream): number => {
    const file = descriptor(stream);
    return file === undefined ? 0 : fstatSync(file).size;
  };
  const close = (): void => {
    for (const stream of streams) {
      const file = descriptors[stream];
      if (file !== undefined) closeSync(file);
      delete descriptors[stream];
    }
  };
  return {
    streams,
    read(stream, offset, length) {
      const file = descriptor(stream);
      const available = file === undefined ? 0 : Math.min(length, fstatSync(file).size - offset);
      if (file === undefined || available <= 0) return empty;
      const buffer = Buffer.allocUnsafe(available);
      return buffer.subarray(0, readSync(file, buffer, 0, available, offset));
    },
    sizes: () => ({ output: sizeOf("output"), stdout: sizeOf("stdout") }),
    exitCode() {
      const content = ifPresent(() => readFileSync(stepFile(runDirectory, stepId, stepFileNames.exit), "latin1"));
      return content === undefined ? undefined : parseExitFile(content);
    },
    ranOutOfMemory: () => existsSync(stepFile(runDirectory, stepId, stepFileNames.oom)),
    discard() {
      close();
      for (const stream of streams) rmSync(pathOf(stream), { force: true });
    },
    close,
  };
}

const empty = Buffer.alloc(0);

function ifPresent<T>(open: () => T): T | undefined {
  try {
    return open();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
