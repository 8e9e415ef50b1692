// `step` as the pipeline function gets it: checks what it is given, notes where it was called, and starts activities.
import type { StepCommand } from "@danube/protocol";
import type { ParallelOptions, RunOptions, ShellTag, ShellValue, Step, StepResult } from "../step.ts";
import { checkCommand, defaultName } from "./command.ts";
import { runParallel } from "./parallel.ts";
import { runCommand } from "./run-command.ts";
import { checkParallelOptions, checkRunOptions } from "./run-options.ts";
import type { RunScope } from "./run-scope.ts";
import { buildShellScript } from "./shell-quote.ts";

type Callee = (...args: never[]) => unknown;
type Template = TemplateStringsArray;

/** A name that is longer is cut: the protocol takes no more. */
const longestName = 1_000;

export function createStep(scope: RunScope): Step {
  const start = (command: StepCommand, given: RunOptions | undefined, callee: Callee): Promise<StepResult> => {
    const options = checkRunOptions(given, scope);
    const name = (options.name ?? defaultName(command)).slice(0, longestName).toWellFormed();
    const location = scope.locator.ofCaller(callee);
    return scope.activities.track(`step "${name}"`, location, () =>
      runCommand(scope, { command, options, name, location }),
    );
  };

  function run(first: string | readonly string[] | Template, ...rest: unknown[]): Promise<StepResult> {
    if (isTemplate(first)) return start({ shell: buildShellScript(first, rest as ShellValue[]) }, undefined, run);
    if (rest.length > 1) throw new TypeError("step.run takes a command and options; several words go into an array.");
    return start(checkCommand(first), rest[0] as RunOptions | undefined, run);
  }

  function sh(first: Template | RunOptions, ...values: ShellValue[]): Promise<StepResult> | ShellTag<StepResult> {
    if (isTemplate(first)) return start({ shell: buildShellScript(first, values) }, undefined, sh);
    if (typeof first !== "object" || first === null)
      throw new TypeError("step.sh is a tag: write step.sh`command`, or step.sh({ options })`command`.");
    const tag: ShellTag<StepResult> = (strings, ...values) =>
      start({ shell: buildShellScript(strings, values) }, first, tag);
    return tag;
  }

  function group<T>(name: string, body: () => T): Promise<Awaited<T>> {
    if (typeof name !== "string" || name.trim() === "") throw new TypeError("A group needs a name.");
    if (typeof body !== "function") throw new TypeError(`step.group("${name}", …) needs a function.`);
    const shown = name.slice(0, longestName).toWellFormed();
    return scope.activities.track(`group "${shown}"`, scope.locator.ofCaller(group), () =>
      runGroup(scope, shown, body),
    );
  }

  function parallel(functions: readonly (() => unknown)[], given?: ParallelOptions): Promise<unknown[]> {
    const options = checkParallelOptions(given);
    if (!Array.isArray(functions) || functions.some((each) => typeof each !== "function"))
      throw new TypeError("step.parallel takes an array of functions: write () => step.run(…) instead of step.run(…).");
    return scope.activities.track("step.parallel", scope.locator.ofCaller(parallel), () =>
      runParallel([...functions], options, scope.cancellation.signal),
    );
  }

  return Object.freeze({ run, sh, group, parallel }) as Step;
}

async function runGroup<T>(scope: RunScope, name: string, body: () => T): Promise<Awaited<T>> {
  scope.throwIfEnded();
  if (scope.cancellation.remainingMs() === 0) scope.cancellation.throwIfCancelled();
  const parentId = scope.group.getStore();
  const group = {
    stepId: scope.newId(),
    ...(parentId === undefined ? {} : { parentId }),
    name,
    sequence: scope.nextSequence(),
  };
  await scope.executor.reportGroup({ ...group, status: "running" });
  let value: Awaited<T>;
  try {
    value = await scope.group.run(group.stepId, body);
  } catch (error) {
    const status = scope.cancellation.signal.aborted ? "cancelled" : "failure";
    // The body's error says more than a refusal to write it down.
    await scope.executor.reportGroup({ ...group, status }).catch(() => undefined);
    throw error;
  }
  await scope.executor.reportGroup({ ...group, status: "success" });
  return value;
}

function isTemplate(value: unknown): value is Template {
  return Array.isArray(value) && "raw" in value;
}
