// Every change of a job's status: pending → scheduling → running → a final one. The database refuses all other ways too.
import { assertNever, isFinal, type JobStatus, type Reason } from "@danube/protocol";
import type { Updateable } from "kysely";
import type { JobRecord } from "../rows/job.ts";
import type { JobsTable } from "../schema.ts";
import type { WriteTransaction } from "../sql/transaction.ts";
import { getJob, updateJob } from "./jobs.ts";

/** Where a job goes. Whatever is not success says why: to machines and, in a sentence, to people. */
export type JobTransition =
  | { readonly status: "scheduling" }
  | { readonly status: "running" }
  | { readonly status: "success" }
  | { readonly status: "failure" | "timeout" | "cancelled"; readonly reason: Reason; readonly message: string };

export interface TransitionRequest {
  readonly jobId: string;
  /** Only if the row still is at this version. */
  readonly expectedVersion?: number;
  /** Only from one of these statuses; without them from any from which the way is allowed. */
  readonly expectedStatuses?: readonly JobStatus[];
  readonly to: JobTransition;
}

/** `changed` false: the job was not as expected (any more), and is told as it is. */
export interface TransitionResult {
  readonly changed: boolean;
  readonly record: JobRecord;
}

/**
 * Moves a job on, if it is as expected. Admission (`scheduling`) makes its sandbox `expected`; a final status forgets its
 * token. Throws `not_found`.
 */
export function transitionJob(transaction: WriteTransaction, request: TransitionRequest): TransitionResult {
  const record = getJob(transaction, request.jobId);
  const { status, version } = record.job;
  const expected =
    (request.expectedVersion === undefined || request.expectedVersion === version) &&
    (request.expectedStatuses === undefined || request.expectedStatuses.includes(status)) &&
    isAllowed(status, request.to.status);
  if (!expected) return { changed: false, record };
  return { changed: true, record: updateJob(transaction, request.jobId, fieldsOf(request.to, transaction.now)) };
}

/** What a wish to cancel came to. `requested`: it is remembered, and whoever runs the job ends it. */
export type CancellationResult = {
  readonly outcome: "cancelled" | "requested" | "already_requested" | "already_final";
  readonly record: JobRecord;
};

/**
 * Ends a pending job at once, for nothing of it exists yet; on one that is further it leaves the wish, which outlives a
 * restart. The first wish stays. Throws `not_found`.
 */
export function requestCancellation(
  transaction: WriteTransaction,
  request: { readonly jobId: string; readonly reason: Reason; readonly message: string },
): CancellationResult {
  const record = getJob(transaction, request.jobId);
  const { reason, message } = request;
  if (isFinal(record.job.status)) return { outcome: "already_final", record };
  if (record.cancellation) return { outcome: "already_requested", record };
  if (record.job.status === "pending") {
    const to = { status: "cancelled", reason, message } as const;
    return { outcome: "cancelled", record: updateJob(transaction, request.jobId, fieldsOf(to, transaction.now)) };
  }
  const wish = { cancel_reason: reason, cancel_message: message, cancel_requested_at: transaction.now };
  return { outcome: "requested", record: updateJob(transaction, request.jobId, wish) };
}

/** Whether a job may go from one status to another. Success comes from `running` alone. */
export function isAllowed(from: JobStatus, to: JobTransition["status"]): boolean {
  switch (to) {
    case "scheduling":
      return from === "pending";
    case "running":
      return from === "scheduling";
    case "success":
      return from === "running";
    case "failure":
    case "timeout":
    case "cancelled":
      return !isFinal(from);
    default:
      return assertNever(to);
  }
}

function fieldsOf(to: JobTransition, now: string): Updateable<JobsTable> {
  switch (to.status) {
    case "scheduling":
      return { status: to.status, queued_at: now, message: null, sandbox: "expected" };
    case "running":
      return { status: to.status, started_at: now, message: null };
    case "success":
      return { status: to.status, finished_at: now, message: null, token_sha256: null };
    case "failure":
    case "timeout":
    case "cancelled":
      return {
        status: to.status,
        finished_at: now,
        reason: to.reason,
        message: to.message,
        token_sha256: null,
      };
    default:
      return assertNever(to);
  }
}
