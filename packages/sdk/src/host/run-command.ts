// One step.run: its attempts, and what their ends mean to the pipeline.
import { constants } from "node:os";
import type { StepCommand } from "@danube/protocol";
import { CancelledError, StepError, type StepFailureStatus } from "../errors.ts";
import type { RetryCondition, StepResult } from "../step.ts";
import { commandText } from "./command.ts";
import type { StepEnd, StepRequest } from "./executor.ts";
import { PlacedError } from "./placed-error.ts";
import type { CheckedRunOptions } from "./run-options.ts";
import type { RunScope } from "./run-scope.ts";

export interface CommandRun {
  readonly command: StepCommand;
  readonly options: CheckedRunOptions;
  readonly name: string;
  readonly location: string | undefined;
}

/** Source: timeout(1), which tells a timeout so. */
const timeoutExitCode = 124;

/** Resolves with the result of the last attempt; rejects with a StepError, a CancelledError, or what the executor threw. */
export async function runCommand(scope: RunScope, run: CommandRun): Promise<StepResult> {
  const { retry } = run.options;
  for (let attempt = 1; ; attempt++) {
    const { stepId, end } = await runAttempt(scope, run, attempt);
    const { status } = end.result;
    const retries = status !== "success" && attempt < retry.attempts && isRetried(retry.on, end);
    if (!retries) return settle(run, stepId, attempt, end);
    if (retry.delayMs > 0) await scope.sleep(retry.delayMs, scope.cancellation.signal);
    scope.cancellation.throwIfCancelled();
  }
}

async function runAttempt(
  scope: RunScope,
  run: CommandRun,
  attempt: number,
): Promise<{ stepId: string; end: StepEnd }> {
  scope.throwIfEnded();
  const remainingMs = scope.cancellation.remainingMs();
  if (remainingMs === 0) scope.cancellation.throwIfCancelled();
  const { options } = run;
  const limits = [options.timeoutMs, remainingMs].filter((limit) => limit !== undefined);
  const parentId = scope.group.getStore();
  const stepId = scope.newId();
  const request: StepRequest = {
    stepId,
    ...(parentId === undefined ? {} : { parentId }),
    name: run.name,
    sequence: scope.nextSequence(),
    attempt,
    ...(options.worker === undefined ? {} : { worker: options.worker }),
    command: run.command,
    env: options.env,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(limits.length === 0 ? {} : { timeoutMs: Math.min(...limits) }),
    capture: options.capture,
    // Neither fails the job by itself, and that is what the field says.
    soft: options.soft || !options.check,
    afterCancel: scope.cancellation.signal.aborted,
    ...(run.location === undefined ? {} : { source: run.location }),
  };
  const end = await scope.executor.runStep(request).catch((error: unknown) => {
    throw new PlacedError(`step "${run.name}" could not be run`, run.location, error);
  });
  // The server may know of a cancellation before we do.
  if (end.result.status === "cancelled") scope.cancellation.cancel(end.result.message ?? "the job was cancelled");
  const wasCancelledMeanwhile = remainingMs === undefined && scope.cancellation.signal.aborted;
  if (wasCancelledMeanwhile || end.result.status === "cancelled")
    throw new CancelledError(`step "${run.name}" was stopped: ${cancellationMessage(scope)}`);
  return { stepId, end };
}

function cancellationMessage(scope: RunScope): string {
  return (scope.cancellation.signal.reason as CancelledError).message;
}

function isRetried(conditions: readonly RetryCondition[], { result }: StepEnd): boolean {
  return conditions.some((condition) => {
    if (typeof condition === "number") return result.status === "failure" && result.exitCode === condition;
    return condition === (result.status === "lost" ? "infra" : result.status);
  });
}

function settle(run: CommandRun, stepId: string, attempt: number, end: StepEnd): StepResult {
  const { status, exitCode, durationMs } = end.result;
  const captured = end.stdout ?? { text: "", truncated: false };
  const stdout = captured.text.replace(/\r?\n$/, "");
  const output = run.options.capture ? { stdout, truncated: captured.truncated } : {};
  // A success without its exit code, or with another one than 0, is a contradiction and no success.
  if (status === "success" && exitCode === 0) return { exitCode, durationMs, status, ...output };
  const failure: StepFailureStatus = status === "failure" || status === "timeout" ? status : "lost";
  const isTolerated = run.options.soft ? failure !== "lost" : !run.options.check && failure === "failure";
  const code = exitCode ?? (failure === "timeout" ? timeoutExitCode : undefined);
  if (isTolerated && failure !== "lost" && code !== undefined && code !== 0)
    return { exitCode: code, durationMs, status: failure, ...output };
  throw new StepError(failureMessage(run, failure, end), {
    stepId,
    stepName: run.name,
    command: commandText(run.command),
    status: failure,
    exitCode,
    durationMs,
    attempt,
    location: run.location,
    ...(run.options.capture ? { stdout } : {}),
  });
}

function failureMessage(run: CommandRun, status: StepFailureStatus, { result }: StepEnd): string {
  const where = run.location === undefined ? "" : ` (${run.location})`;
  const step = `step "${run.name}"`;
  if (status === "failure") return `${step} failed with ${describeExit(result.exitCode)}${where}`;
  if (status === "timeout")
    return `${step} took longer than ${formatLimit(run.options.timeoutMs)} and was stopped${where}`;
  return `${step} was lost: ${result.message ?? "no exit status was recorded"}${where}`;
}

function formatLimit(timeoutMs: number | undefined): string {
  if (timeoutMs === undefined) return "it may";
  return timeoutMs < 1_000 ? `${timeoutMs} ms` : `${timeoutMs / 1_000} s`;
}

/** `exit code 3`, or `exit code 137 (SIGKILL)`: 128 + n is how shells tell the signal n. */
function describeExit(exitCode: number | undefined): string {
  if (exitCode === undefined) return "no exit code";
  const signal = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return `exit code ${exitCode}${signal === undefined ? "" : ` (${signal})`}`;
}
