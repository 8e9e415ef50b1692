import { DanubeError, Id, type Job, type Queries } from "@danube/protocol";
import { z } from "zod";
import type { ApiDependencies, ApiLimits } from "../dependencies.ts";
import type { Guard } from "../http/guard.ts";
import type { ApiRouter } from "../http/router.ts";
import type { ChangeFeed } from "../streams/change-feed.ts";

/** What a file of routes needs to add them. */
export interface RouteContext {
  readonly router: ApiRouter;
  readonly guard: Guard;
  readonly dependencies: ApiDependencies;
  readonly feed: ChangeFeed;
  readonly limits: ApiLimits;
}

export const IdParams = z.object({ id: z.string() });
export const NameParams = z.object({ name: z.string() });

/** How a list is asked for page by page. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(500).optional(),
  cursor: z.string().max(1_000).optional(),
};

/** An id from a path. Throws `not_found` for what can't be one: there is nothing by that name. */
export function readId(id: string, what: string): string {
  if (!Id.safeParse(id).success) throw new DanubeError("not_found", `There is no ${what} ${JSON.stringify(id)}.`);
  return id;
}

export async function requireJob(queries: Pick<Queries, "getJob">, id: string): Promise<Job> {
  const jobId = readId(id, "job");
  const { job } = await queries.getJob({ jobId });
  if (job === undefined) throw new DanubeError("not_found", `There is no job ${jobId}.`, { ids: { jobId } });
  return job;
}
