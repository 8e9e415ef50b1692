// What an exit status means.
import { constants } from "node:os";
import type { StepResult } from "@danube/protocol";
import type { SignalReason } from "./step-host.ts";

export interface StepExit {
  readonly exitCode: number;
  readonly durationMs: number;
  /** That we told the command to end: then no exit status of it is a success. */
  readonly signalled?: SignalReason;
  readonly timeoutMs?: number;
  readonly outOfMemory?: boolean;
}

export function resultOfExit({ exitCode, durationMs, signalled, timeoutMs, outOfMemory }: StepExit): StepResult {
  if (signalled === "timeout") {
    const message =
      timeoutMs === undefined
        ? "The command was told to end because its job took too long."
        : `The command took longer than the ${timeoutMs / 1_000} s it was given.`;
    return { status: "timeout", exitCode, durationMs, message };
  }
  if (signalled === "cancelled") {
    return { status: "cancelled", exitCode, durationMs, message: "The command was told to end with its job." };
  }
  if (exitCode === 0) return { status: "success", exitCode, durationMs };
  const message = outOfMemory
    ? `The worker ran out of memory, and the system killed a process of it (exit code ${exitCode}).`
    : failureMessage(exitCode);
  return { status: "failure", exitCode, durationMs, message };
}

function failureMessage(exitCode: number): string {
  if (exitCode === 126) return "The command could not be run (exit code 126).";
  if (exitCode === 127) return "The command was not found (exit code 127).";
  const name = exitCode > 128 ? signalName(exitCode - 128) : undefined;
  if (name === undefined) return `The command ended with exit code ${exitCode}.`;
  return `The command was ended by ${name} (exit code ${exitCode}).`;
}

function signalName(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}
