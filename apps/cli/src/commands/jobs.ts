import type { Job } from "@danube/protocol";
import { CliError } from "../cli-error.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import { formatTable } from "../output.ts";
import type { CommandContext } from "./command-context.ts";
import { followJob } from "./follow-job.ts";

export async function listJobs(
  context: CommandContext,
  filter: { pipeline?: string; status?: string; limit?: number },
): Promise<ExitCode> {
  const page = await context.api.listJobs(filter);
  if (context.json) context.output.json(page);
  else if (page.items.length === 0) context.output.note("There are no jobs yet.");
  else
    context.output.data(
      formatTable([["JOB", "PIPELINE", "STATUS", "TRIGGER", "CREATED", "ID"], ...page.items.map(toRow)]),
    );
  return exitCodes.ok;
}

export async function showJob(context: CommandContext, selector: string): Promise<ExitCode> {
  const job = await context.api.getJob(await resolveJobId(context, selector));
  if (context.json) {
    context.output.json(job);
    return exitCodes.ok;
  }
  context.output.data(formatTable([["JOB", "PIPELINE", "STATUS", "TRIGGER", "CREATED", "ID"], toRow(job)]));
  if (job.message !== undefined) context.output.data(`${job.message}\n`);
  const steps = job.steps.map((step) => [String(step.sequence), step.name, step.status, step.id, step.message ?? ""]);
  if (steps.length > 0) context.output.data(`\n${formatTable([["#", "STEP", "STATUS", "ID", ""], ...steps])}`);
  const artifacts = job.artifacts.map((artifact) => [
    artifact.name,
    artifact.fileName,
    `${artifact.sizeBytes} bytes`,
    artifact.sha256,
  ]);
  if (artifacts.length > 0)
    context.output.data(`\n${formatTable([["ARTIFACT", "FILE", "SIZE", "SHA-256"], ...artifacts])}`);
  return exitCodes.ok;
}

export async function watchJob(context: CommandContext, selector: string): Promise<ExitCode> {
  return followJob(context, await resolveJobId(context, selector));
}

export async function cancelJob(context: CommandContext, selector: string): Promise<ExitCode> {
  const job = await context.api.cancelJob(await resolveJobId(context, selector));
  if (context.json) context.output.json(job);
  else context.output.note(`${job.pipelineName} #${job.number} is ${job.status}.`);
  return exitCodes.ok;
}

export async function rerunJob(context: CommandContext, selector: string, follow: boolean): Promise<ExitCode> {
  const answer = await context.api.rerunJob(await resolveJobId(context, selector));
  return reportTriggered(context, answer, follow);
}

export async function triggerPipeline(
  context: CommandContext,
  pipeline: string,
  options: { branch?: string; commit?: string; params: Readonly<Record<string, string>>; follow: boolean },
): Promise<ExitCode> {
  const answer = await context.api.trigger(pipeline, {
    ...(options.branch === undefined ? {} : { branch: options.branch }),
    ...(options.commit === undefined ? {} : { commitSha: options.commit }),
    params: options.params,
  });
  return reportTriggered(context, answer, options.follow);
}

export async function printLog(
  context: CommandContext,
  selector: string,
  options: { follow: boolean; step?: string },
): Promise<ExitCode> {
  const jobId = await resolveJobId(context, selector);
  if (options.follow) return followJob(context, jobId);
  for await (const chunk of context.api.readLog(jobId, options.step))
    context.output.data(new TextDecoder().decode(chunk));
  return exitCodes.ok;
}

/** `@latest` is the newest job, `name#7` the seventh of a pipeline; anything else is an id. */
export async function resolveJobId(context: Pick<CommandContext, "api">, selector: string): Promise<string> {
  if (selector === "@latest") {
    const newest = (await context.api.listJobs({ limit: 1 })).items[0];
    if (newest === undefined) throw new CliError("There are no jobs yet.", exitCodes.notFound);
    return newest.id;
  }
  const numbered = /^(?<pipeline>[^#]+)#(?<number>\d+)$/.exec(selector);
  if (!numbered?.groups) return selector;
  const { pipeline, number } = numbered.groups;
  const page = await context.api.listJobs({ pipeline, limit: 500 });
  const found = page.items.find((job) => job.number === Number(number));
  if (found === undefined)
    throw new CliError(`There is no job ${number} of pipeline "${pipeline}" among its newest 500.`, exitCodes.notFound);
  return found.id;
}

async function reportTriggered(
  context: CommandContext,
  answer: { triggerId: string; jobs: Job[]; outcome?: string },
  follow: boolean,
): Promise<ExitCode> {
  const [job] = answer.jobs;
  if (job !== undefined && follow) return followJob(context, job.id);
  if (context.json) context.output.json(answer);
  else if (job !== undefined) context.output.data(`${job.id}\n`);
  if (job !== undefined) return exitCodes.ok;
  if (answer.outcome !== undefined) throw new CliError(`No job was started. ${answer.outcome}`, exitCodes.jobFailed);
  if (follow) throw new CliError("The trigger is stored, but no job came of it in time.", exitCodes.timedOut);
  context.output.note("The trigger is stored; no job came of it yet.");
  return exitCodes.ok;
}

function toRow(job: Job): string[] {
  const { type, branch, tag, commitSha } = job.trigger;
  const what = [type, branch ?? tag, commitSha?.slice(0, 8)].filter((part) => part !== undefined).join(" ");
  return [`#${job.number}`, job.pipelineName, job.status, what, job.createdAt, job.id];
}
