// Prints a job's log as it grows, with a heading when a step begins and a line when it ends.
import type { Job, LogStreamEvent, Step } from "@danube/protocol";
import { CliError } from "../cli-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { type Output, printable } from "../output.ts";
import type { CommandContext } from "./command-context.ts";

/** Follows a job of a server from its log's first byte to its end; the exit code is what its final status means. */
export function followJob(context: CommandContext, jobId: string): Promise<ExitCode> {
  return printEvents(context, context.api.followLog(jobId, 0, context.signal));
}

/** Prints events up to `end`, wherever they come from. */
export async function printEvents(
  { output, json, signal }: Pick<CommandContext, "output" | "json" | "signal">,
  events: AsyncIterable<LogStreamEvent>,
): Promise<ExitCode> {
  const seen = new Map<string, Step["status"]>();
  for await (const event of events) {
    if (json) output.json(event);
    else if (event.event === "log") output.data(event.data.text);
    else if (event.event === "step") noteStep(output, seen, event.data);
    if (event.event !== "end") continue;
    if (!json) output.note(describeEnd(output, event.data));
    if (signal.aborted) return exitCodes.interrupted;
    return event.data.status === "success" ? exitCodes.ok : exitCodes.jobFailed;
  }
  if (signal.aborted) return exitCodes.interrupted;
  throw new CliError("The log ended before the job did.", exitCodes.unreachable);
}

function noteStep(output: Output, seen: Map<string, Step["status"]>, step: Step): void {
  const before = seen.get(step.id);
  if (before === step.status) return;
  seen.set(step.id, step.status);
  const name = printable(step.name);
  if (before === undefined && step.status === "running") output.note(output.style("cyan", `▶ ${name}`));
  else if (step.status === "success")
    output.note(output.style("green", `✔ ${name}${duration(step.startedAt, step.finishedAt)}`));
  else if (step.status !== "running") {
    const why = step.message === undefined ? step.status : printable(step.message);
    output.note(output.style(step.soft ? "yellow" : "red", `✖ ${name}: ${why}`));
  }
}

/** One line on how a job ended. */
function describeEnd(output: Output, job: Job): string {
  const heading = `${printable(job.pipelineName)} #${job.number}: ${job.status}${duration(job.startedAt, job.finishedAt)}`;
  if (job.status === "success") return output.style("green", `✔ ${heading}`);
  return output.style("red", `✖ ${heading}${job.message === undefined ? "" : `: ${printable(job.message)}`}`);
}

function duration(start: string | undefined, end: string | undefined): string {
  if (start === undefined || end === undefined) return "";
  const ms = Date.parse(end) - Date.parse(start);
  return ms < 1_000 ? ` (${ms} ms)` : ` (${(ms / 1_000).toFixed(1)} s)`;
}
