// `step`: how a pipeline runs commands. The implementation is in host/; these are its words and promises.

/** A value in a tagged command. An array stands for several words. */
export type ShellValue = string | number | boolean | readonly (string | number | boolean)[];

/** A tag that runs the command it stands before. */
export type ShellTag<R> = (strings: TemplateStringsArray, ...values: readonly ShellValue[]) => Promise<R>;

/** Which outcome is tried again: any exit code but 0, this very exit code, a timeout, or a failure of the infrastructure. */
export type RetryCondition = "failure" | number | "timeout" | "infra";

export interface RetryOptions {
  /** How many times the command runs at most, the first time included. */
  readonly attempts: number;
  /** How long to wait before the next attempt: `"5s"`, or milliseconds. By default not at all. */
  readonly delay?: string | number;
  /** What is tried again; by default everything. A cancelled step is never tried again. */
  readonly on?: RetryCondition | readonly RetryCondition[];
}

export interface RunOptions {
  /** What people see. By default the command's first line. */
  readonly name?: string;
  /** Which of the pipeline's workers runs it. By default the first one. */
  readonly worker?: string;
  /** Environment variables for this command. The right place for a secret. */
  readonly env?: Readonly<Record<string, string | number | boolean>>;
  /** The directory to run in, within the workspace and relative to it. By default the workspace. */
  readonly cwd?: string;
  /**
   * Whether an exit code other than 0 throws. With `false` the result tells the exit code, and nothing fails by it; a timeout
   * and a lost step still throw. Default `true`.
   */
  readonly check?: boolean;
  /** Whether the result has what the command wrote to standard output (up to 1 MiB of it). */
  readonly capture?: boolean;
  /** How long it may take before it is stopped: `"90s"`, `"10m"`, or milliseconds. By default as long as the job may. */
  readonly timeout?: string | number;
  /** Whether and how to try again. Each attempt is shown as a step of its own. */
  readonly retry?: RetryOptions;
  /** Whether the job may succeed without it: a failure or a timeout is shown but does not throw. Default `false`. */
  readonly soft?: boolean;
}

/** How a command ended. */
export interface StepResult {
  /** 0 is success. 128 + n stands for signal n. 124 when a `soft` step was stopped at its timeout and left no exit code. */
  readonly exitCode: number;
  readonly durationMs: number;
  /** Not `success` only with `check: false` or `soft`. */
  readonly status: "success" | "failure" | "timeout";
  /** With `capture`: standard output as UTF-8, without its final line break. */
  readonly stdout?: string;
  /** With `capture`: `true` when there was more than 1 MiB, and `stdout` is only its beginning. */
  readonly truncated?: boolean;
}

/** How a command ended whose standard output was captured. */
export interface CapturedResult extends StepResult {
  readonly stdout: string;
  readonly truncated: boolean;
}

export interface ParallelOptions {
  /** How many functions run at the same time. By default all. */
  readonly limit?: number;
  /** Whether a failure keeps those from being started that have not been yet. Default `false`: all are run. */
  readonly failFast?: boolean;
}

export interface Step {
  /**
   * Runs a command in a worker, in a fresh process in the workspace, and resolves when it has ended and its output is stored.
   * A string is a script for `/bin/sh -c`; an array is a program and its arguments, without a shell. Nothing but files is
   * carried over from one step to the next: no `cd`, no variables.
   *
   * Rejects with a `StepError` when the command fails (see `check` and `soft`), and with a `CancelledError` when the job was
   * cancelled while it ran. Throws a `TypeError` at once when the options make no sense. The promise has to be awaited: a job
   * that leaves a step alone fails.
   *
   * @example
   * ```ts
   * await step.run("npm ci && npm test", { timeout: "10m" });
   * await step.run(["git", "tag", name]);
   * const { stdout: version } = await step.run("node -p process.version", { capture: true });
   * ```
   */
  run(command: string | readonly string[], options: RunOptions & { readonly capture: true }): Promise<CapturedResult>;
  run(command: string | readonly string[], options?: RunOptions): Promise<StepResult>;
  /** As a tag: see `sh`. */
  run(strings: TemplateStringsArray, ...values: readonly ShellValue[]): Promise<StepResult>;

  /**
   * A shell script as a tagged template. Each value is quoted for POSIX shells, so that it stays one word whatever it holds;
   * an array becomes several words. Do not put quotes around a value; that is refused.
   *
   * @example
   * ```ts
   * await step.sh`npm test -- --shard ${ctx.params.shard} ${files}`;
   * const { stdout: sha } = await step.sh({ capture: true })`git rev-parse ${ref}`;
   * ```
   */
  sh(strings: TemplateStringsArray, ...values: readonly ShellValue[]): Promise<StepResult>;
  /** The same with options. */
  sh(options: RunOptions & { readonly capture: true }): ShellTag<CapturedResult>;
  sh(options: RunOptions): ShellTag<StepResult>;

  /**
   * Puts the steps that `run` starts under one heading, and resolves to its value. Groups nest, and may run side by side.
   * The group fails when `run` throws; the error is passed on.
   *
   * @example
   * ```ts
   * const version = await step.group("Build", async () => {
   *   await step.run("make");
   *   return (await step.run("./app --version", { capture: true })).stdout;
   * });
   * ```
   */
  group<T>(name: string, run: () => T): Promise<Awaited<T>>;

  /**
   * Runs functions side by side and resolves to their values in order. It always waits for every function that it has
   * started, and only then throws: the error itself if one function failed, a `ParallelError` with all of them otherwise.
   * `Promise.all` would leave the others running.
   *
   * @example
   * ```ts
   * await step.parallel([() => step.run("npm run lint"), () => step.run("npm test")], { limit: 2 });
   * ```
   */
  parallel<const F extends readonly (() => unknown)[]>(
    functions: F,
    options?: ParallelOptions,
  ): Promise<{ -readonly [I in keyof F]: Awaited<ReturnType<F[I]>> }>;
}
