// What the Kubernetes API's refusals mean for us.
import { DanubeError } from "@danube/protocol";
import { ApiException } from "@kubernetes/client-node";

/** The HTTP status of a failed call, if there was an answer at all. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof ApiException ? error.code : undefined;
}

/** Whether the same call may succeed later: no answer, too many requests, or the server's own trouble. */
export function isTransient(error: unknown): boolean {
  const status = statusOf(error);
  return status === undefined || status === 429 || status >= 500;
}

/** The API server's own sentence. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiException) {
    const body: unknown = typeof error.body === "string" ? tryJson(error.body) : error.body;
    if (typeof body === "object" && body !== null && "message" in body && typeof body.message === "string")
      return body.message;
    return `HTTP ${error.code}`;
  }
  return error instanceof Error ? (error.cause instanceof Error ? error.cause.message : error.message) : String(error);
}

/** Whether the namespace's ResourceQuota said no: there may be room later. */
export function isQuotaRefusal(error: unknown): boolean {
  return statusOf(error) === 403 && /exceeded quota|status unknown for quota/i.test(messageOf(error));
}

/** A refusal to create a sandbox as our error: quota and admission are somebody's decision, the rest is trouble. */
export function toSandboxError(error: unknown, jobId: string): DanubeError {
  const options = { ids: { jobId }, cause: error };
  if (isTransient(error))
    return new DanubeError("unavailable", `Kubernetes does not answer: ${messageOf(error)}`, options);
  if (isQuotaRefusal(error)) {
    return new DanubeError(
      "rate_limited",
      `The namespace's quota has no room for the job: ${messageOf(error)}`,
      options,
    );
  }
  return new DanubeError("sandbox_failed", `Kubernetes refused the job's Pod: ${messageOf(error)}`, options);
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
