import { DanubeError } from "@danube/protocol";

/** Whether a failed file operation failed for this reason, such as `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** The DanubeError for a failed file operation: `storage_full` when there is no room, else `unavailable`. */
export function fileError(cause: unknown, what: string, jobId: string): DanubeError {
  const full = hasCode(cause, "ENOSPC") || hasCode(cause, "EDQUOT");
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DanubeError(full ? "storage_full" : "unavailable", `${what}: ${reason}`, { ids: { jobId }, cause });
}
