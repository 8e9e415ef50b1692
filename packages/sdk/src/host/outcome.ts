// What a job's outcome is when its pipeline function threw.
import { inspect } from "node:util";
import type { JobOutcome } from "@danube/protocol";
import { CancelledError, ParallelError, StepError } from "../errors.ts";
import { PlacedError } from "./placed-error.ts";
import type { SourceLocator } from "./source-location.ts";

const longestMessage = 2_000;
/** Their messages name the places themselves. */
const placedErrors = [StepError, ParallelError, CancelledError, PlacedError];

/** A failure because of a step if a StepError is at the bottom of it, and otherwise an error of the pipeline file. */
export function failureOutcome(error: unknown, locator: SourceLocator): JobOutcome & { status: "failure" } {
  const stepError = findStepError(error);
  const message = describeError(error, locator);
  return stepError === undefined
    ? { status: "failure", reason: "pipeline_error", message }
    : { status: "failure", reason: "step_failed", message, stepId: stepError.stepId };
}

/** One sentence, with file and line where they are known. */
export function describeError(error: unknown, locator: SourceLocator): string {
  if (!(error instanceof Error)) {
    const shown = inspect(error, { breakLength: Number.POSITIVE_INFINITY, depth: 1 });
    return oneLine(`the pipeline threw ${shown}, which is not an Error`);
  }
  if (placedErrors.some((each) => error instanceof each)) return oneLine(error.message);
  const name = error.name === "Error" || error.name === "DanubeError" ? "" : `${error.name}: `;
  const place = locator.ofError(error);
  return oneLine(`${name}${error.message || "an error without a message"}${place === undefined ? "" : ` (${place})`}`);
}

function findStepError(error: unknown, depth = 0): StepError | undefined {
  if (error instanceof StepError) return error;
  if (!(error instanceof Error) || depth > 10) return undefined;
  const inner = [error.cause, ...(error instanceof AggregateError ? error.errors : [])];
  for (const each of inner) {
    const found = findStepError(each, depth + 1);
    if (found) return found;
  }
  return undefined;
}

function oneLine(text: string): string {
  const line = text.trim().replace(/\s*[\r\n]+\s*/g, " ");
  return (line.length <= longestMessage ? line : `${line.slice(0, longestMessage - 1)}…`).toWellFormed();
}
