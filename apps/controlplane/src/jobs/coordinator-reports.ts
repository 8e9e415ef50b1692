// What a Coordinator reports of its job: what the pipeline file printed, and how it ended.
import type { Logger } from "@danube/kit";
import { pipelineSourceName } from "@danube/logs";
import { DanubeError, isDanubeError, type JobOutcome } from "@danube/protocol";
import type { JobRunner } from "./job-runner.ts";

/** The sentence is in every list that shows its job: a hostile pipeline must not make it megabytes long. */
const longestMessage = 4_000;

/** Ends the job as the Coordinator says. Resolves when that is durable, also if the job had ended before. */
export async function finishJob(runner: JobRunner, outcome: JobOutcome, logger: Logger): Promise<void> {
  const { jobId } = runner;
  const masked =
    outcome.status === "failure" ? { ...outcome, message: shorten(runner.mask(outcome.message)) } : outcome;
  try {
    // First the log, then the state: who sees a job that has ended sees its whole log.
    await runner.log.complete();
  } catch (error) {
    logger.error("A job's log could not be completed", { jobId, error });
    await runner.apply({ type: "infrastructureFailed", message: "The job's log could not be written to the end." });
    return;
  }
  const { transition } = await runner.apply({ type: "coordinatorFinished", outcome: masked });
  if (transition.type !== "rejected" || transition.why === "final") return;
  throw new DanubeError("protocol_violation", transition.message, { ids: { jobId } });
}

/** Appends what the pipeline file or the checkout printed. Resolves with the offset from which more is expected. */
export async function appendPipelineLog(
  runner: JobRunner,
  { offset, text, final }: { readonly offset: number; readonly text: string; readonly final: boolean },
): Promise<number> {
  try {
    const source = (await runner.openLog()).source(pipelineSourceName);
    const bytes = Buffer.from(text, "utf8");
    await source.append(offset, bytes);
    if (final) await source.end(offset + bytes.length);
    return source.offset;
  } catch (error) {
    if (isDanubeError(error, "storage_full")) {
      void runner.handle({ type: "infrastructureFailed", message: `The log could not be written: ${error.message}` });
    }
    throw error;
  }
}

function shorten(message: string): string {
  return message.length <= longestMessage ? message : `${message.slice(0, longestMessage - 1)}…`.toWellFormed();
}
