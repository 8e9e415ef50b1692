// What the control plane keeps of a command step for itself while the job is active: what it needs to signal, probe and time
// the step after a restart.
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";

export interface StepRun {
  readonly stepId: string;
  readonly jobId: string;
  /** Absent for the default worker. */
  readonly worker?: string;
  readonly timeoutMs?: number;
  /** From when its time counts; a text that only the control plane understands. */
  readonly startedMark: string;
  /** That it was told to end, and why: then no exit code makes it a success. */
  readonly signalled?: "timeout" | "cancelled";
}

const ofJob = prepare<{ jobId: string }>()((p) =>
  sqlBuilder.selectFrom("step_runs").selectAll().where("job_id", "=", p.jobId),
);
const insert = prepare<{
  stepId: string;
  jobId: string;
  worker: string | null;
  timeoutMs: number | null;
  startedMark: string;
}>()((p) =>
  sqlBuilder
    .insertInto("step_runs")
    .values({
      step_id: p.stepId,
      job_id: p.jobId,
      worker: p.worker,
      timeout_ms: p.timeoutMs,
      started_mark: p.startedMark,
    })
    .onConflict((conflict) => conflict.column("step_id").doNothing()),
);
const restart = prepare<{ stepId: string; jobId: string; startedMark: string }>()((p) =>
  sqlBuilder
    .updateTable("step_runs")
    .set({ started_mark: p.startedMark })
    .where("step_id", "=", p.stepId)
    .where("job_id", "=", p.jobId),
);
const signal = prepare<{ stepId: string; jobId: string; signalled: "timeout" | "cancelled" }>()((p) =>
  sqlBuilder
    .updateTable("step_runs")
    .set({ signalled: p.signalled })
    .where("step_id", "=", p.stepId)
    .where("job_id", "=", p.jobId)
    .where("signalled", "is", null),
);
const remove = prepare<{ jobId: string }>()((p) => sqlBuilder.deleteFrom("step_runs").where("job_id", "=", p.jobId));

/** What was kept of the job's steps. */
export function listStepRuns(transaction: ReadTransaction, jobId: string): StepRun[] {
  return transaction.all(ofJob({ jobId })).map((row) => ({
    stepId: row.step_id,
    jobId: row.job_id,
    worker: row.worker ?? undefined,
    timeoutMs: row.timeout_ms ?? undefined,
    startedMark: row.started_mark,
    signalled: row.signalled ?? undefined,
  }));
}

/** Keeps a step; one that is kept already stays as it is. */
export function keepStepRun(transaction: WriteTransaction, run: Omit<StepRun, "signalled">): void {
  transaction.run(
    insert({
      stepId: run.stepId,
      jobId: run.jobId,
      worker: run.worker ?? null,
      timeoutMs: run.timeoutMs ?? null,
      startedMark: run.startedMark,
    }),
  );
}

/** Which step: named with its job, so that nobody reaches another job's. */
export interface StepRunKey {
  readonly stepId: string;
  readonly jobId: string;
}

/** Lets the step's time count from another moment. */
export function restartStepRun(transaction: WriteTransaction, key: StepRunKey, startedMark: string): void {
  transaction.run(restart({ stepId: key.stepId, jobId: key.jobId, startedMark }));
}

/** Remembers that the step was told to end. The first reason stays. */
export function markStepSignalled(
  transaction: WriteTransaction,
  key: StepRunKey,
  signalled: "timeout" | "cancelled",
): void {
  transaction.run(signal({ stepId: key.stepId, jobId: key.jobId, signalled }));
}

/** Forgets what was kept of the job's steps. */
export function deleteStepRuns(transaction: WriteTransaction, jobId: string): void {
  transaction.run(remove({ jobId }));
}
