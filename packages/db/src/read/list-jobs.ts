// A page of jobs, newest first. Every shape of the question is answered by an index that is already in the page's order.
import type { JobStatus, QueryMethods } from "@danube/protocol";
import { type CompiledQuery, sql } from "kysely";
import type { z } from "zod";
import { type JobRow, selectJobs, toJob } from "../rows/job.ts";
import { sqlBuilder } from "../sql/builder.ts";
import type { ReadTransaction } from "../sql/transaction.ts";
import { fromCursor, type Position, toCursor } from "./cursor.ts";
import { pipelineByName } from "./statements.ts";

/** An unknown pipeline has no jobs. */
export function listJobsPage(
  transaction: ReadTransaction,
  request: z.output<QueryMethods["listJobs"]["request"]>,
): z.output<QueryMethods["listJobs"]["response"]> {
  const { pipelineName, statuses, branch, limit } = request;
  const after = fromCursor(request.cursor);
  const pipeline = pipelineName === undefined ? undefined : transaction.first(pipelineByName({ name: pipelineName }));
  if (pipelineName !== undefined && !pipeline) return { items: [] };
  // One more than asked for tells whether there is a next page.
  const rows = transaction.all(jobPageQuery({ pipelineId: pipeline?.id, statuses, branch }, after, limit + 1));
  const items = rows.slice(0, limit).map(toJob);
  const last = items.at(-1);
  return { items, ...(rows.length > limit && last ? { nextCursor: toCursor(last) } : {}) };
}

interface JobFilter {
  readonly pipelineId?: string;
  readonly statuses?: readonly JobStatus[];
  readonly branch?: string;
}

/** At most `limit` jobs after a position. No statuses at all means every one. */
function jobPageQuery(filter: JobFilter, after: Position, limit: number): CompiledQuery<JobRow> {
  const statuses: readonly (JobStatus | undefined)[] = filter.statuses?.length
    ? [...new Set(filter.statuses)]
    : [undefined];
  const [first, ...others] = statuses.map((status) => idsOfPage({ ...filter, status }, after, limit));
  if (!first) throw new TypeError("A page of jobs has at least one part.");
  // For several statuses: the newest ones of each, of which the newest ones over all.
  const ids = others.reduce((all, next) => all.unionAll(next), first);
  return selectJobs
    .where("j.id", "in", ids)
    .orderBy("j.created_at", "desc")
    .orderBy("j.id", "desc")
    .limit(limit)
    .compile();
}

function idsOfPage(
  { pipelineId, status, branch }: Omit<JobFilter, "statuses"> & { readonly status?: JobStatus },
  after: Position,
  limit: number,
) {
  let query = sqlBuilder
    .selectFrom("jobs as p")
    .select("p.id")
    .where(sql<boolean>`(p.created_at, p.id) < (${after.createdAt}, ${after.id})`);
  if (pipelineId !== undefined) query = query.where("p.pipeline_id", "=", pipelineId);
  if (status !== undefined) query = query.where("p.status", "=", status);
  if (branch !== undefined) query = query.where("p.trigger_branch", "=", branch);
  const page = query.orderBy("p.created_at", "desc").orderBy("p.id", "desc").limit(limit);
  // A part of a UNION can't have an order and a limit itself, but what it selects from can.
  return sqlBuilder.selectFrom(page.as("page")).select("page.id");
}
