import type { NewJob } from "@danube/protocol";
import type { Configuration } from "../configuration.ts";
import type { PlannedJob } from "../decide/decide.ts";
import type { JobQueue } from "./job-queue.ts";
import { describeWaiting } from "./waiting-message.ts";

/**
 * Takes a place in the queue for a job that is to be stored: among the running ones if there is room, else at the end of its
 * line, with the sentence that says why. `forget` gives it back.
 */
export function reservePlace({
  queue,
  configuration,
  job,
  createdAt,
}: {
  readonly queue: JobQueue;
  readonly configuration: Configuration;
  readonly job: PlannedJob;
  readonly createdAt: string;
}): NewJob {
  const { id, pipelineId, trigger } = job;
  const admit = queue.hasRoomFor(pipelineId);
  const pipelineName = configuration.pipelines.find((pipeline) => pipeline.id === pipelineId)?.name ?? "";
  const status = admit ? "scheduling" : "pending";
  queue.update({ id, pipelineId, pipelineName, trigger, status, version: 0, createdAt });
  const why = admit ? undefined : queue.explain(id);
  return { ...job, admit, message: why && describeWaiting(why) };
}
