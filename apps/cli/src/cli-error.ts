import { type DanubeError, isDanubeError } from "@danube/protocol";
import { type ExitCode, exitCodes } from "./exit-codes.ts";

/** Ends the command: one sentence for the person at the terminal, and the exit code that scripts see. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** The exit code that fits an error's code. */
export function exitCodeOf(error: DanubeError): ExitCode {
  switch (error.code) {
    case "unauthenticated":
    case "forbidden":
    case "policy_denied":
      return exitCodes.notAllowed;
    case "not_found":
      return exitCodes.notFound;
    case "invalid_request":
      return exitCodes.usage;
    case "deadline_exceeded":
      return exitCodes.timedOut;
    case "connection_lost":
    case "unavailable":
    case "draining":
      return exitCodes.unreachable;
    default:
      return exitCodes.jobFailed;
  }
}

/** Any thrown value as what the command ends with. */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (isDanubeError(error)) return new CliError(error.message, exitCodeOf(error), { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  // By its name, for the package that makes it is not loaded for every command.
  const isConfiguration = error instanceof Error && error.name === "ConfigurationError";
  return new CliError(message, isConfiguration ? exitCodes.usage : exitCodes.jobFailed, { cause: error });
}
