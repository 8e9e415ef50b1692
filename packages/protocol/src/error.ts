// Errors that mean a broken or refused system. A failed step is a result, not an error.
import { z } from "zod";

/**
 * Every code an error of ours can carry. `fault` tells whose move it is: the caller's (`user`) or the operator's
 * (`system`). `retryable` means that the same call may succeed later without a change.
 */
export const errorCodes = {
  invalid_request: { httpStatus: 400, fault: "user", retryable: false, title: "The request is not valid" },
  unauthenticated: { httpStatus: 401, fault: "user", retryable: false, title: "No valid credentials" },
  forbidden: { httpStatus: 403, fault: "user", retryable: false, title: "Not allowed" },
  not_found: { httpStatus: 404, fault: "user", retryable: false, title: "Not found" },
  method_not_allowed: { httpStatus: 405, fault: "user", retryable: false, title: "Method not allowed" },
  conflict: { httpStatus: 409, fault: "user", retryable: false, title: "The state has changed meanwhile" },
  idempotency_mismatch: {
    httpStatus: 409,
    fault: "user",
    retryable: false,
    title: "The id was used for something else",
  },
  job_not_active: { httpStatus: 409, fault: "user", retryable: false, title: "The job is not active" },
  digest_mismatch: { httpStatus: 422, fault: "user", retryable: true, title: "The bytes do not match their digest" },
  payload_too_large: { httpStatus: 413, fault: "user", retryable: false, title: "Too large" },
  unsupported_media_type: { httpStatus: 415, fault: "user", retryable: false, title: "Unsupported media type" },
  range_not_satisfiable: { httpStatus: 416, fault: "user", retryable: false, title: "Range not satisfiable" },
  policy_denied: { httpStatus: 403, fault: "user", retryable: false, title: "Refused by policy" },
  rate_limited: { httpStatus: 429, fault: "user", retryable: true, title: "Too many requests" },
  internal: { httpStatus: 500, fault: "system", retryable: false, title: "An error of ours" },
  unavailable: { httpStatus: 503, fault: "system", retryable: true, title: "Not available now" },
  draining: { httpStatus: 503, fault: "system", retryable: true, title: "Shutting down" },
  storage_full: { httpStatus: 503, fault: "system", retryable: true, title: "The disk is full" },
  deadline_exceeded: { httpStatus: 504, fault: "system", retryable: true, title: "Took too long" },
  connection_lost: { httpStatus: 503, fault: "system", retryable: true, title: "The connection broke" },
  protocol_violation: {
    httpStatus: 502,
    fault: "system",
    retryable: false,
    title: "The other side broke the protocol",
  },
  data_locked: { httpStatus: 503, fault: "system", retryable: false, title: "The data directory is in use" },
  schema_too_new: {
    httpStatus: 503,
    fault: "system",
    retryable: false,
    title: "The database is newer than this program",
  },
  corrupt: { httpStatus: 500, fault: "system", retryable: false, title: "Stored data is damaged" },
  decryption_failed: { httpStatus: 500, fault: "system", retryable: false, title: "A secret cannot be decrypted" },
  exec_interrupted: { httpStatus: 503, fault: "system", retryable: true, title: "The command's launch is unconfirmed" },
  sandbox_missing: { httpStatus: 410, fault: "system", retryable: false, title: "The sandbox is gone" },
  sandbox_failed: { httpStatus: 500, fault: "system", retryable: false, title: "The sandbox could not be made" },
} as const satisfies Record<
  string,
  { httpStatus: number; fault: "user" | "system"; retryable: boolean; title: string }
>;

export type ErrorCode = keyof typeof errorCodes;

/** The part of a Problem Details body that names one wrong value. Source: RFC 9457, section 3. */
export const ProblemDetail = z.object({
  detail: z.string(),
  /** Where in the document: a JSON pointer (RFC 6901). */
  pointer: z.string().optional(),
});
export type ProblemDetail = z.infer<typeof ProblemDetail>;

/** The body of every error answer, `application/problem+json`. Source: RFC 9457. */
export const Problem = z.object({
  type: z.string().default("about:blank"),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  instance: z.string().optional(),
  code: z.string(),
  ids: z.record(z.string(), z.string()).optional(),
  errors: z.array(ProblemDetail).optional(),
});
export type Problem = z.infer<typeof Problem>;

export interface DanubeErrorOptions {
  /** The ids involved, such as `{ jobId }`: for logs and answers, never secret. */
  readonly ids?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
  /** The single wrong values of a request, each with its place. */
  readonly errors?: readonly ProblemDetail[];
}

/** A broken or refused system, told by `code`. The message is a sentence for whoever must act; it never holds a secret. */
export class DanubeError extends Error {
  override readonly name = "DanubeError";
  readonly code: ErrorCode;
  readonly ids: Readonly<Record<string, string>>;
  readonly errors: readonly ProblemDetail[];

  constructor(code: ErrorCode, message: string, options: DanubeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.ids = options.ids ?? {};
    this.errors = options.errors ?? [];
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  get httpStatus(): number {
    return errorCodes[this.code].httpStatus;
  }
}

/** Whether `error` is a DanubeError, with this code if one is given. Works across two copies of this package. */
export function isDanubeError(error: unknown, code?: ErrorCode): error is DanubeError {
  if (!(error instanceof Error) || error.name !== "DanubeError" || !("code" in error)) return false;
  return code === undefined || error.code === code;
}

/** The Problem Details of any thrown value. What is not a DanubeError becomes `internal`, and its words stay inside. */
export function toProblem(error: unknown, instance?: string): Problem {
  const known = isDanubeError(error)
    ? error
    : new DanubeError("internal", "Something went wrong on our side; the log has it.");
  return {
    type: `https://danube.dev/errors/${known.code}`,
    title: errorCodes[known.code].title,
    status: errorCodes[known.code].httpStatus,
    detail: known.message,
    code: known.code,
    ...(instance === undefined ? {} : { instance }),
    ...(Object.keys(known.ids).length === 0 ? {} : { ids: { ...known.ids } }),
    ...(known.errors.length === 0 ? {} : { errors: [...known.errors] }),
  };
}

/** The error that a received Problem Details body stands for. An unknown code becomes `internal`, or `unavailable` for 502 to 504. */
export function fromProblem(problem: Problem): DanubeError {
  const code: ErrorCode = Object.hasOwn(errorCodes, problem.code)
    ? (problem.code as ErrorCode)
    : problem.status >= 502 && problem.status <= 504
      ? "unavailable"
      : "internal";
  return new DanubeError(code, problem.detail, { ids: problem.ids, errors: problem.errors });
}
