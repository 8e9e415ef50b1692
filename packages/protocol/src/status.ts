import { z } from "zod";

/** Where a job stands. A final status never changes. */
export const JobStatus = z.enum(["pending", "scheduling", "running", "success", "failure", "timeout", "cancelled"]);
export type JobStatus = z.infer<typeof JobStatus>;

/** The statuses that end a job. */
export const FinalJobStatus = z.enum(["success", "failure", "timeout", "cancelled"]);
export type FinalJobStatus = z.infer<typeof FinalJobStatus>;

/** Where a step stands. `lost` means that no exit status was recorded: our failure, never the user's and never success. */
export const StepStatus = z.enum(["running", "success", "failure", "timeout", "cancelled", "lost"]);
export type StepStatus = z.infer<typeof StepStatus>;

/** Why a job did not succeed, for machines. Every non-success carries one, and a sentence for people beside it. */
export const Reason = z.enum([
  "step_failed",
  "pipeline_error",
  "timeout",
  "cancelled_by_user",
  "superseded",
  "oom_killed",
  "image_pull",
  "unschedulable",
  "evicted",
  "infra_lost",
  "policy_denied",
]);
export type Reason = z.infer<typeof Reason>;

/** The reasons that are nobody's fault but the infrastructure's: only these are retried automatically. */
export const infrastructureReasons: ReadonlySet<Reason> = new Set<Reason>(["evicted", "infra_lost", "unschedulable"]);

/** Whether `status` ends a job. */
export function isFinal(status: JobStatus): status is FinalJobStatus {
  return FinalJobStatus.options.includes(status as FinalJobStatus);
}
