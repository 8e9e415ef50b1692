import type { StepFiles } from "./step-files.ts";

/** What a pipeline gets at most of a command's standard output. The log has all of it. */
const capturedBytes = 1_048_576;

/** The beginning of a captured output as UTF-8; a character that the limit would cut in two is left out. */
export function readCapturedStdout(files: StepFiles): { text: string; truncated: boolean } {
  const truncated = files.sizes().stdout > capturedBytes;
  const bytes = files.read("stdout", 0, capturedBytes);
  return { text: new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: truncated }), truncated };
}
