// Steps and groups of steps: begun once by id, ended once.
import { DanubeError, isFinal, type Reason, type Step, type StepStatus } from "@danube/protocol";
import { toStep } from "../rows/step.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";
import { getJob } from "./jobs.ts";

export interface NewStep {
  readonly id: string;
  readonly jobId: string;
  readonly parentId?: string;
  readonly kind: "command" | "group";
  readonly name: string;
  readonly sequence: number;
  readonly attempt: number;
  readonly soft: boolean;
  readonly commandSha256?: string;
  readonly logOffsetStart?: number;
}

/** How a step ended. A command succeeds with exit code 0 alone: the database refuses any other. */
export interface StepEnd {
  readonly stepId: string;
  readonly status: Exclude<StepStatus, "running">;
  readonly reason?: Reason;
  readonly message?: string;
  readonly exitCode?: number;
  readonly logOffsetStart?: number;
  readonly logOffsetEnd?: number;
}

const byId = prepare<{ stepId: string }>()((p) =>
  sqlBuilder.selectFrom("steps").selectAll().where("id", "=", p.stepId),
);
const ofJob = prepare<{ jobId: string }>()((p) =>
  sqlBuilder
    .selectFrom("steps")
    .selectAll()
    .where("job_id", "=", p.jobId)
    .orderBy("sequence")
    .orderBy("attempt")
    .orderBy("id"),
);
const insert = prepare<{
  id: string;
  jobId: string;
  parentId: string | null;
  kind: "command" | "group";
  name: string;
  sequence: number;
  attempt: number;
  soft: 0 | 1;
  commandSha256: string | null;
  logOffsetStart: number | null;
  at: string;
}>()((p) =>
  sqlBuilder.insertInto("steps").values({
    id: p.id,
    job_id: p.jobId,
    parent_id: p.parentId,
    kind: p.kind,
    name: p.name,
    sequence: p.sequence,
    attempt: p.attempt,
    status: "running",
    soft: p.soft,
    command_sha256: p.commandSha256,
    log_offset_start: p.logOffsetStart,
    started_at: p.at,
  }),
);
const finish = prepare<{
  stepId: string;
  status: StepStatus;
  reason: Reason | null;
  message: string | null;
  exitCode: number | null;
  logOffsetStart: number | null;
  logOffsetEnd: number | null;
  at: string;
}>()((p) =>
  sqlBuilder
    .updateTable("steps")
    .set((builder) => ({
      status: p.status,
      reason: p.reason,
      message: p.message,
      exit_code: p.exitCode,
      log_offset_start: builder.fn.coalesce(builder.val(p.logOffsetStart), "log_offset_start"),
      log_offset_end: builder.fn.coalesce(builder.val(p.logOffsetEnd), "log_offset_end"),
      finished_at: p.at,
    }))
    .where("id", "=", p.stepId)
    .where("status", "=", "running"),
);

/** The step, if it exists. */
export function findStep(transaction: ReadTransaction, stepId: string): Step | undefined {
  const row = transaction.first(byId({ stepId }));
  return row && toStep(row);
}

/** The step. Throws `not_found`. */
export function getStep(transaction: ReadTransaction, stepId: string): Step {
  const step = findStep(transaction, stepId);
  if (!step) throw new DanubeError("not_found", `There is no step ${stepId}.`, { ids: { stepId } });
  return step;
}

/** The steps of a job, in the order in which the pipeline started them. */
export function listSteps(transaction: ReadTransaction, jobId: string): Step[] {
  return transaction.all(ofJob({ jobId })).map(toStep);
}

/**
 * Begins a step, or finds the one that was begun under this id: `created` tells which. Throws `idempotency_mismatch` when
 * the id stands for another step, `job_not_active` when the job has ended, and `not_found` when there is no job.
 */
export function startStep(
  transaction: WriteTransaction,
  step: NewStep,
): { readonly created: boolean; readonly step: Step } {
  const existing = findStep(transaction, step.id);
  if (existing) {
    if (!isSame(existing, step)) {
      throw new DanubeError("idempotency_mismatch", `Step ${step.id} was begun as something else.`, {
        ids: { stepId: step.id, jobId: step.jobId },
      });
    }
    return { created: false, step: existing };
  }
  const { job } = getJob(transaction, step.jobId);
  if (isFinal(job.status)) {
    throw new DanubeError("job_not_active", `Job ${job.id} has ended; it can't begin a step.`, {
      ids: { stepId: step.id, jobId: job.id },
    });
  }
  transaction.run(
    insert({
      id: step.id,
      jobId: step.jobId,
      parentId: step.parentId ?? null,
      kind: step.kind,
      name: step.name,
      sequence: step.sequence,
      attempt: step.attempt,
      soft: step.soft ? 1 : 0,
      commandSha256: step.commandSha256 ?? null,
      logOffsetStart: step.logOffsetStart ?? null,
      at: transaction.now,
    }),
  );
  return { created: true, step: getStep(transaction, step.id) };
}

/** Ends a step that is running. One that has ended stays as it is: `changed` is false then. Throws `not_found`. */
export function finishStep(
  transaction: WriteTransaction,
  end: StepEnd,
): { readonly changed: boolean; readonly step: Step } {
  const { changes } = transaction.run(
    finish({
      stepId: end.stepId,
      status: end.status,
      reason: end.reason ?? null,
      message: end.message ?? null,
      exitCode: end.exitCode ?? null,
      logOffsetStart: end.logOffsetStart ?? null,
      logOffsetEnd: end.logOffsetEnd ?? null,
      at: transaction.now,
    }),
  );
  return { changed: changes === 1, step: getStep(transaction, end.stepId) };
}

/** Ends every step of a job that is still running, and tells them: for when the job ends under them. */
export function finishRunningSteps(
  transaction: WriteTransaction,
  end: Omit<StepEnd, "stepId"> & { readonly jobId: string; readonly status: "cancelled" | "lost" | "timeout" },
): Step[] {
  return listSteps(transaction, end.jobId)
    .filter((step) => step.status === "running")
    .map((step) => finishStep(transaction, { ...end, stepId: step.id }).step);
}

function isSame(existing: Step, step: NewStep): boolean {
  return (
    existing.jobId === step.jobId &&
    existing.kind === step.kind &&
    existing.name === step.name &&
    existing.sequence === step.sequence &&
    existing.attempt === step.attempt &&
    existing.parentId === step.parentId &&
    existing.commandSha256 === step.commandSha256
  );
}
