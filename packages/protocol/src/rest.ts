// The bodies of the REST API (port 8080) and the events of its streams. The API's OpenAPI document is made from these.
import { z } from "zod";
import { Artifact, Job, ParameterValue, PipelineSummary, Step } from "./job.ts";
import { SecretName } from "./id.ts";
import { BlueprintSync, SecretSummary } from "./query-methods.ts";
import { ParameterSpec } from "./blueprint.ts";

export const JobPage = z.object({ items: z.array(Job), nextCursor: z.string().optional() });
export const JobDetail = Job.extend({
  steps: z.array(Step),
  artifacts: z.array(Artifact),
  logSizeBytes: z.number().int(),
});
export type JobDetail = z.infer<typeof JobDetail>;
export const PipelineList = z.object({ items: z.array(PipelineSummary) });
export const PipelineDetail = PipelineSummary.extend({ params: z.record(z.string(), ParameterSpec) });
export const TriggerRequestBody = z.strictObject({
  /** The branch to run; the repository's default branch if absent. */
  branch: z.string().min(1).max(500).optional(),
  commitSha: z.string().optional(),
  params: z.record(z.string(), ParameterValue).default({}),
});
/** The trigger is durable. If it was decided by the time of the answer, `jobs` are all there will be and `outcome` says why. */
export const TriggerResponseBody = z.object({
  triggerId: z.string(),
  jobs: z.array(Job),
  outcome: z.string().optional(),
});
export const ArtifactList = z.object({ items: z.array(Artifact) });
export const SecretList = z.object({ items: z.array(SecretSummary) });
export const SecretSetRequestBody = z.strictObject({
  name: SecretName,
  pipelineName: z.string().optional(),
  value: z.string().max(65_536),
});
export const BlueprintStatus = z.object({ commitSha: z.string().optional(), syncs: z.array(BlueprintSync) });
export const WebhookResponseBody = z.object({
  status: z.enum(["accepted", "ignored", "duplicate"]),
  triggerId: z.string().optional(),
  detail: z.string().optional(),
});
export const HealthReport = z.object({
  status: z.enum(["ok", "failing"]),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string().optional() })),
});
export type HealthReport = z.infer<typeof HealthReport>;
export const Me = z.object({ subject: z.string(), admin: z.boolean() });

/**
 * The events of `GET /api/v1/jobs/{id}/logs/stream`.
 *
 * `event: log` carries a JSON object with `text` (bytes of the log as UTF-8, invalid sequences replaced); its `id` is the
 * byte offset after it, so that `Last-Event-ID` goes on exactly there. `step` and `job` carry a Step and a Job whenever one
 * changes, all of them once at the beginning, and have no id of their own. `end` comes last, with the job's final state; a
 * client closes then. Comments every 15 s keep proxies from closing the connection.
 */
export const LogStreamEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("log"), id: z.number().int(), data: z.object({ text: z.string() }) }),
  z.object({ event: z.literal("step"), data: Step }),
  z.object({ event: z.literal("job"), data: Job }),
  z.object({ event: z.literal("end"), data: Job }),
]);
export type LogStreamEvent = z.infer<typeof LogStreamEvent>;

/** What `GET /api/v1/jobs/{id}/logs?search=` found: at most one match for each line. Offsets are bytes of the log. */
export const LogSearchResult = z.object({
  matches: z.array(
    z.object({
      start: z.number().int(),
      end: z.number().int(),
      /** From 1. */
      lineNumber: z.number().int(),
      lineStart: z.number().int(),
      text: z.string(),
    }),
  ),
  /** Whether there are more. */
  truncated: z.boolean(),
});
export type LogSearchResult = z.infer<typeof LogSearchResult>;

/**
 * The events of `GET /api/v1/events/stream`: each job that changes, as it is now. `reset` comes first, and again whenever some
 * may have been missed: whoever shows jobs looks them up then.
 */
export const StatusStreamEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("reset"), data: z.object({}) }),
  z.object({ event: z.literal("job"), data: Job }),
  z.object({ event: z.literal("configuration"), data: z.object({ commitSha: z.string().optional() }) }),
]);
export type StatusStreamEvent = z.infer<typeof StatusStreamEvent>;
