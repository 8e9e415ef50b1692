// What the pipeline file may do to this process instead of returning: leave it, throw where nobody catches, or wait for what
// can no longer happen. Each ends the job with one sentence.
import type { SourceLocator } from "@danube/sdk/host";

export interface ProcessGuard {
  /** Resolves with the sentence as soon as there is one. */
  readonly failure: Promise<string>;
  /** The sentence if the file asked by `process.exitCode` for another exit code than 0. */
  exitCodeFailure(): string | undefined;
}

/** Stays in force until the process ends. */
export function guardProcess(options: {
  readonly locator: SourceLocator;
  /** The sentence for an error. */
  readonly describe: (error: unknown) => string;
  /** Tells the reader of the job's log more: the stack. */
  readonly note: (text: string) => void;
}): ProcessGuard {
  const { locator, describe, note } = options;
  const { promise, resolve } = Promise.withResolvers<string>();
  function refuseExit(code?: number | string | null): never {
    const place = locator.ofCaller(refuseExit);
    const where = place === undefined ? "" : ` at ${place}`;
    resolve(
      `process.exit(${code ?? ""}) was called${where}; a pipeline ends by returning, and fails by throwing an error`,
    );
    throw new ProcessExitRefused();
  }
  const onError = (prefix: string) => (error: unknown) => {
    if (error instanceof ProcessExitRefused) return;
    const stack = locator.stackOf(error);
    if (stack !== undefined) note(stack);
    resolve(`${prefix}${describe(error)}`);
  };

  process.exit = refuseExit;
  process.on("uncaughtException", onError(""));
  process.on("unhandledRejection", onError("a promise was rejected and nobody handled it: "));
  process.on("beforeExit", () => resolve("the pipeline never finished: something it awaits can no longer happen"));
  return {
    failure: promise,
    exitCodeFailure() {
      const code = process.exitCode;
      if (code === undefined || code === null || Number(code) === 0) return undefined;
      return `the pipeline set process.exitCode to ${code}; it fails by throwing an error`;
    },
  };
}

/** Thrown by `process.exit`, which must not return. What the pipeline does with it no longer matters. */
class ProcessExitRefused extends Error {
  override readonly name = "ProcessExitRefused";

  constructor() {
    super("The job has ended because process.exit was called.");
  }
}
