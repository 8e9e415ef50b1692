// What the writer tells everybody who watches: rows that changed and logs that grew.
import { z } from "zod";
import { Id } from "./id.ts";
import { Job, Step } from "./job.ts";
import { Trigger } from "./trigger.ts";

/**
 * One change. Sent only after it is durable, in the order of commits. `reset` tells a watcher that it may have missed some
 * (first connection, reconnection, or it was too slow): it must look everything up again.
 */
export const Change = z.discriminatedUnion("type", [
  z.object({ type: z.literal("reset") }),
  z.object({ type: z.literal("job"), job: Job }),
  z.object({ type: z.literal("step"), step: Step }),
  z.object({ type: z.literal("trigger"), trigger: Trigger }),
  /** The job's log has `sizeBytes` readable bytes now; `closed` once nothing will follow. */
  z.object({ type: z.literal("log"), jobId: Id, sizeBytes: z.number().int(), closed: z.boolean() }),
  z.object({ type: z.literal("configuration"), commitSha: z.string().optional() }),
  z.object({ type: z.literal("heartbeat") }),
]);
export type Change = z.infer<typeof Change>;
