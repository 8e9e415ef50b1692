import type { z } from "zod";
import { DanubeError, type ErrorCode, type ProblemDetail } from "./error.ts";

/**
 * Parses `value` with `schema`. Throws a DanubeError (`invalid_request` unless told otherwise) that names `what` and every
 * wrong value with its JSON pointer.
 */
export function parseWith<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
  code: ErrorCode = "invalid_request",
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.map(
    (issue): ProblemDetail => ({ detail: issue.message, pointer: toPointer(issue.path) }),
  );
  const places = errors
    .map((error) => `${error.pointer === "" ? "the whole" : error.pointer}: ${error.detail}`)
    .join("; ");
  throw new DanubeError(code, `${what} is not valid: ${places}`, { errors });
}

/** A path of keys as a JSON pointer. Source: RFC 6901. */
export function toPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
