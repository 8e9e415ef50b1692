// The REST API, as the pages use it. The session's cookie goes with every request by itself.
import { DanubeError, fromProblem, Job, JobDetail, JobPage, Problem, TriggerResponseBody } from "@danube/protocol";
import type { z } from "zod";

export interface JobFilter {
  readonly pipeline?: string;
  readonly cursor?: string;
}

export function listJobs({ pipeline, cursor }: JobFilter): Promise<z.infer<typeof JobPage>> {
  const query = new URLSearchParams({ limit: "50" });
  if (pipeline !== undefined) query.set("pipeline", pipeline);
  if (cursor !== undefined) query.set("cursor", cursor);
  return ask(JobPage, `/api/v1/jobs?${query.toString()}`);
}

export function getJob(jobId: string): Promise<JobDetail> {
  return ask(JobDetail, `/api/v1/jobs/${encodeURIComponent(jobId)}`);
}

export function cancelJob(jobId: string): Promise<Job> {
  return ask(Job, `/api/v1/jobs/${encodeURIComponent(jobId)}/cancel`, "POST");
}

export function rerunJob(jobId: string): Promise<z.infer<typeof TriggerResponseBody>> {
  return ask(TriggerResponseBody, `/api/v1/jobs/${encodeURIComponent(jobId)}/rerun`, "POST");
}

/** Throws a DanubeError: what the server says, or `connection_lost` when it says nothing. */
async function ask<S extends z.ZodType>(schema: S, path: string, method = "GET"): Promise<z.output<S>> {
  let response: Response;
  try {
    response = await fetch(path, { method, headers: { accept: "application/json" } });
  } catch (cause) {
    throw new DanubeError("connection_lost", "The server does not answer.", { cause });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    const problem = Problem.safeParse(body);
    throw problem.success
      ? fromProblem(problem.data)
      : new DanubeError("unavailable", `The server answered ${response.status} without saying why.`);
  }
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new DanubeError("protocol_violation", "This page is older than the server: reload it.");
  return parsed.data;
}
