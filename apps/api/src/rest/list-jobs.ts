import { type JobPage, JobStatus, parseWith, type Queries } from "@danube/protocol";
import { z } from "zod";
import { pageQuery } from "./route-context.ts";

export const listJobsQuery = z.object({
  pipeline: z.string().optional(),
  /** One or several, with commas between them. */
  status: z.string().optional(),
  branch: z.string().optional(),
  ...pageQuery,
});

/** A page of jobs, newest first. Throws `invalid_request` for a status that does not exist. */
export async function listJobs(
  queries: Pick<Queries, "listJobs">,
  { pipeline, status, branch, limit, cursor }: z.output<typeof listJobsQuery>,
): Promise<z.infer<typeof JobPage>> {
  const statuses = status === undefined ? undefined : parseWith(z.array(JobStatus).min(1), status.split(","), "status");
  return queries.listJobs({ pipelineName: pipeline, statuses, branch, limit, cursor });
}
