// The options of step.run, checked. Pipeline files are not type-checked when they run, so a misspelt option must be told:
// a `chekc` or `tiemout` that is quietly ignored would change what a green job means.
import { isAbsolute, normalize, relative } from "node:path";
import { parseDurationMs } from "@danube/protocol";
import type { ParallelOptions, RetryCondition, RunOptions } from "../step.ts";

/** The options of one command with every default filled in. */
export interface CheckedRunOptions {
  readonly name: string | undefined;
  readonly worker: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly check: boolean;
  readonly capture: boolean;
  readonly timeoutMs: number | undefined;
  readonly soft: boolean;
  readonly retry: { readonly attempts: number; readonly delayMs: number; readonly on: readonly RetryCondition[] };
}

const everyCondition: readonly RetryCondition[] = ["failure", "timeout", "infra"];

/** Throws a TypeError that names the option, its value and what it may be. */
export function checkRunOptions(
  options: RunOptions | undefined,
  job: { readonly workers: readonly string[]; readonly workspace: string },
): CheckedRunOptions {
  const given = checkKeys("step.run", options, [
    "name",
    "worker",
    "env",
    "cwd",
    "check",
    "capture",
    "timeout",
    "retry",
    "soft",
  ]);
  const worker = ofType("worker", given.worker, "string");
  if (worker !== undefined && !job.workers.includes(worker))
    throw new TypeError(`There is no worker "${worker}"; this pipeline has ${job.workers.join(", ")}.`);
  const name = ofType("name", given.name, "string");
  if (name?.trim() === "") throw new TypeError('The option "name" must not be empty.');
  return {
    name,
    worker,
    env: checkEnvironment(given.env),
    cwd: given.cwd === undefined ? undefined : checkDirectory("cwd", given.cwd, job.workspace),
    check: ofType("check", given.check, "boolean") ?? true,
    capture: ofType("capture", given.capture, "boolean") ?? false,
    timeoutMs: given.timeout === undefined ? undefined : checkTimeout(given.timeout),
    soft: ofType("soft", given.soft, "boolean") ?? false,
    retry: checkRetry(given.retry),
  };
}

/** Throws a TypeError for what makes no sense. Without a limit it is Infinity. */
export function checkParallelOptions(options: ParallelOptions | undefined): { limit: number; failFast: boolean } {
  const given = checkKeys("step.parallel", options, ["limit", "failFast"]);
  const limit = ofType("limit", given.limit, "number") ?? Number.POSITIVE_INFINITY;
  if (limit !== Number.POSITIVE_INFINITY) atLeastOne("limit", limit);
  return { limit, failFast: ofType("failFast", given.failFast, "boolean") ?? false };
}

/** The same object, if it is one and has no other keys than `known`. Throws a TypeError that names the nearest known one. */
export function checkKeys<T extends object>(
  call: string,
  options: T | undefined,
  known: readonly (keyof T & string)[],
) {
  if (options === undefined) return {} as Partial<T>;
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`The options of ${call} must be an object, not ${show(options)}.`);
  for (const key of Object.keys(options)) {
    if ((known as readonly string[]).includes(key)) continue;
    throw new TypeError(`${call} has no option "${key}"; it has ${known.join(", ")}.`);
  }
  return options as Partial<T>;
}

/** The directory relative to the workspace; it must not lie outside. Throws a TypeError that names the option. */
export function checkDirectory(option: string, directory: unknown, workspace: string): string {
  const given = ofType(option, directory, "string") ?? "";
  const inside = isAbsolute(given) ? relative(workspace, given) : normalize(given);
  if (given === "" || given.includes("\0") || isAbsolute(inside) || inside === ".." || inside.startsWith("../"))
    throw new TypeError(`The option "${option}" must be a directory within the workspace, not ${show(directory)}.`);
  return inside === "" ? "." : inside;
}

interface TypeNames {
  string: string;
  boolean: boolean;
  number: number;
}

function ofType<N extends keyof TypeNames>(option: string, value: unknown, type: N): TypeNames[N] | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== type) throw new TypeError(`The option "${option}" must be a ${type}, not ${show(value)}.`);
  return value as TypeNames[N];
}

function atLeastOne(option: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1)
    throw new TypeError(`The option "${option}" must be a whole number from 1, not ${show(value)}.`);
  return value;
}

function checkEnvironment(env: RunOptions["env"]): Record<string, string> {
  if (env === undefined) return {};
  if (typeof env !== "object" || env === null) throw new TypeError(`The option "env" must be an object.`);
  return Object.fromEntries(
    Object.entries(env).map(([name, value]: [string, unknown]) => {
      if (name === "" || /[=\0]/.test(name))
        throw new TypeError(`"${name}" is not a name for an environment variable: it is empty or holds = or NUL.`);
      if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
        throw new TypeError(
          `The environment variable "${name}" must be a string, number or boolean, not ${typeof value}.`,
        );
      if (String(value).includes("\0")) throw new TypeError(`The environment variable "${name}" must not hold NUL.`);
      return [name, String(value)];
    }),
  );
}

function checkTimeout(value: unknown): number {
  const timeoutMs = Math.ceil(checkDuration("timeout", value));
  if (timeoutMs < 1) throw new TypeError(`The option "timeout" must be more than 0, not ${show(value)}.`);
  return timeoutMs;
}

function checkDuration(option: string, value: unknown): number {
  if (typeof value !== "string" && typeof value !== "number")
    throw new TypeError(
      `The option "${option}" must be a duration such as "10m", or milliseconds, not ${show(value)}.`,
    );
  try {
    return parseDurationMs(value);
  } catch (error) {
    throw new TypeError(`The option "${option}" is wrong: ${(error as Error).message}`, { cause: error });
  }
}

function checkRetry(retry: RunOptions["retry"]): CheckedRunOptions["retry"] {
  if (retry === undefined) return { attempts: 1, delayMs: 0, on: [] };
  const given = checkKeys("The option retry", retry, ["attempts", "delay", "on"]);
  const on = given.on === undefined ? everyCondition : [given.on].flat();
  for (const condition of on) {
    const isExitCode =
      typeof condition === "number" && Number.isInteger(condition) && condition >= 1 && condition <= 255;
    if (isExitCode || everyCondition.includes(condition)) continue;
    throw new TypeError(
      `"retry.on" must be "failure", "timeout", "infra" or an exit code from 1 to 255, not ${show(condition)}.`,
    );
  }
  return {
    attempts: atLeastOne("retry.attempts", given.attempts),
    delayMs: given.delay === undefined ? 0 : checkDuration("retry.delay", given.delay),
    on,
  };
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
