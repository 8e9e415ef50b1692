// Standard output and standard error of the pipeline file go to the job's log: `console` and everything that is built on it.
// Programs that the file itself starts with inherited output are not caught; commands belong in steps.
import { Writable } from "node:stream";

export function captureOutput(write: (chunk: string | Uint8Array) => void): void {
  for (const name of ["stdout", "stderr"] as const) {
    let stream: Writable | undefined;
    // Made when it is first used: most pipelines print nothing.
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get: () => (stream ??= createStream(write)),
    });
  }
}

function createStream(write: (chunk: Uint8Array) => void): Writable {
  return new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      write(chunk);
      done();
    },
  });
}
