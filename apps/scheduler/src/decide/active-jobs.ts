import type { Job } from "@danube/protocol";

/** What a decision has to know of a job that is not final. */
export type ActiveJob = Pick<Job, "id" | "pipelineId" | "trigger">;

/** The jobs that are not final and that nobody has asked to cancel. */
export interface ActiveJobs {
  ofRef(pipelineId: string, ref: string): readonly ActiveJob[];
  ofPipeline(pipelineId: string): readonly ActiveJob[];
}
