// What a trigger leads to: a pure function of the trigger, the configuration and the jobs that are active.
//
// - Push, tag and pull request concern every pipeline of that repository; manual, cron and rerun the one they name.
// - `[skip ci]` or `[ci skip]` in the commit message skips pushes and pull requests. Tags run all the same: release tools put
//   the mark on the very commits that they tag.
// - Deduplication: no second job for the same pipeline, ref and commit while one is active. Superseding: with
//   `cancel_superseded` a new job cancels the active ones of the same pipeline and ref. Both are among jobs of pushes, tags
//   and pull requests only: what a person or the clock asked for is neither doubled nor in the way.
// - A pull request that closes cancels its active jobs.
// - A change from a fork never runs here by itself, whatever the event is called.
import { normaliseRepositoryUrl } from "@danube/blueprint";
import { assertNever, type Job, type JobTrigger, type NewJob, type Trigger, type TriggerEvent } from "@danube/protocol";
import type { Configuration, Pipeline } from "../configuration.ts";
import type { ActiveJob, ActiveJobs } from "./active-jobs.ts";
import { branchOf, refOf } from "./event-ref.ts";
import { findMismatch, passes } from "./match-event.ts";
import { defaultParams, resolveParams } from "./resolve-params.ts";
import { show } from "./show.ts";

export interface DecisionRequest {
  readonly trigger: Trigger;
  readonly configuration: Configuration;
  readonly activeJobs: ActiveJobs;
  /** For a rerun: the job to run again, if it exists. */
  readonly parentJob?: Job;
  readonly newId: () => string;
}

/** A job that is to be; whether there is room for it is the admission's to say. */
export type PlannedJob = Required<Pick<NewJob, "id" | "pipelineId" | "trigger" | "params" | "attempt" | "supersedes">> &
  Pick<NewJob, "parentJobId">;

export interface Decision {
  readonly jobs: readonly PlannedJob[];
  /** Active jobs that have lost their purpose, and the sentence that tells it. */
  readonly cancels: readonly { readonly jobId: string; readonly message: string }[];
  /** One sentence or more for people: which jobs come of it, or why none do. */
  readonly outcome: string;
}

/** Decides a trigger. Throws nothing that a configuration which passed its checks can cause. */
export function decide(request: DecisionRequest): Decision {
  const { event } = request.trigger;
  switch (event.type) {
    case "push":
    case "tag":
    case "pull_request":
      return decideRepositoryEvent(request);
    case "manual":
    case "cron":
    case "rerun":
      return decideNamed(request);
    default:
      return assertNever(event.type);
  }
}

function decideRepositoryEvent(request: DecisionRequest): Decision {
  const { event } = request.trigger;
  const pipelines = pipelinesOf(request.configuration, event);
  if (pipelines.length === 0) return nothing(`No pipeline has the repository ${show(event.repositoryUrls[0] ?? "")}.`);
  if (event.type === "pull_request") {
    if (!event.pullRequest) return nothing("The event does not say which pull request it is about.");
    if (event.pullRequest.action === "closed") return decideClosed(request, pipelines);
  } else if (event.commitSha === undefined || /^0+$/.test(event.commitSha)) {
    return nothing(`The ${event.type === "tag" ? "tag" : "branch"} was deleted; there is nothing to run.`);
  }
  if (event.type !== "tag" && /\[(?:skip ci|ci skip)\]/i.test(event.commitMessage ?? ""))
    return nothing("The commit message asks to skip CI.");

  const jobs: PlannedJob[] = [];
  const started: string[] = [];
  const skipped: string[] = [];
  for (const pipeline of pipelines) {
    const { spec } = pipeline.document;
    const why = findMismatch(spec, event) ?? forkRefusal(event, spec.fork_policy) ?? findDouble(request, pipeline);
    if (why !== undefined) skipped.push(`None for ${pipeline.name}: ${why}.`);
    else {
      started.push(pipeline.name);
      jobs.push(planJob(request, pipeline, { params: defaultParams(spec.params) }));
    }
  }
  const summary = started.length === 0 ? [] : [`${started.length === 1 ? "A job" : "Jobs"} for ${started.join(", ")}.`];
  return { jobs, cancels: [], outcome: shorten([...summary, ...skipped].join(" ")) };
}

function decideClosed({ trigger, activeJobs }: DecisionRequest, pipelines: readonly Pipeline[]): Decision {
  const number = trigger.event.pullRequest?.number;
  const message = `Pull request #${number} was closed.`;
  const cancels = pipelines
    .flatMap((pipeline) => activeJobs.ofPipeline(pipeline.id))
    .filter((job) => job.trigger.type === "pull_request" && job.trigger.pullRequest?.number === number)
    .map((job) => ({ jobId: job.id, message }));
  const outcome =
    cancels.length === 0 ? "none of its jobs is active" : `its active jobs are cancelled: ${cancels.length}`;
  return { jobs: [], cancels, outcome: `${message.slice(0, -1)}; ${outcome}.` };
}

function decideNamed(request: DecisionRequest): Decision {
  const { event } = request.trigger;
  const { parentJob } = request;
  if (event.type === "rerun" && !parentJob) return nothing("The job that is to run again does not exist.");
  const name = event.type === "rerun" ? parentJob?.pipelineName : event.pipelineName;
  const pipeline = request.configuration.pipelines.find((known) => known.name === name && isCurrent(known));
  if (!pipeline) return nothing(`There is no pipeline ${show(name ?? "")}.`);
  const { spec } = pipeline.document;
  const refuse = (why: string): Decision => nothing(`None for ${pipeline.name}: ${why}.`);

  const refusal = forkRefusal(parentJob?.trigger ?? event, spec.fork_policy);
  if (refusal) return refuse(refusal);
  if (event.type === "rerun" && parentJob)
    return one(pipeline, planJob(request, pipeline, { params: parentJob.params, parentJob }));
  const branch = branchOf(event);
  if (branch !== undefined && !passes(spec.branch_filter, branch))
    return refuse(`its branch_filter does not take the branch ${show(branch)}`);
  if (event.type === "cron") return one(pipeline, planJob(request, pipeline, { params: defaultParams(spec.params) }));
  if (!spec.triggers.some((trigger) => trigger.on === "manual")) return refuse("it has no manual trigger");
  const resolved = resolveParams(spec.params, event.params ?? {});
  return resolved.ok ? one(pipeline, planJob(request, pipeline, { params: resolved.params })) : refuse(resolved.why);
}

function pipelinesOf(configuration: Configuration, event: TriggerEvent): Pipeline[] {
  const names = new Set(event.repositoryUrls.map(normaliseRepositoryUrl).filter((name) => name !== undefined));
  return configuration.pipelines.filter((pipeline) => {
    const name = normaliseRepositoryUrl(pipeline.document.spec.repository);
    return isCurrent(pipeline) && name !== undefined && names.has(name);
  });
}

function isCurrent(pipeline: Pipeline): boolean {
  return pipeline.archivedAt === undefined;
}

/** Why a change from a fork does not run; undefined for a change that is not from one. */
function forkRefusal(
  { pullRequest }: Pick<TriggerEvent, "pullRequest">,
  policy: Pipeline["document"]["spec"]["fork_policy"],
): string | undefined {
  if (!pullRequest?.isFork) return undefined;
  switch (policy) {
    case "none":
      return "the change comes from a fork, and its fork_policy is none";
    case "approve":
      return "the change comes from a fork and waits for approval, as its fork_policy says";
    case "run_without_secrets":
      // Jobs of untrusted origin need isolation that not every runtime has, and nothing yet tells the scheduler which it is.
      return "the change comes from a fork, and fork_policy run_without_secrets is not supported, so it counts as none";
    default:
      return assertNever(policy);
  }
}

function findDouble({ trigger: { event }, activeJobs }: DecisionRequest, pipeline: Pipeline): string | undefined {
  if (event.commitSha === undefined) return undefined;
  const same = relatedJobs(activeJobs, pipeline, refOf(event)).some((job) => job.trigger.commitSha === event.commitSha);
  return same ? "a job for this commit of this ref is active already" : undefined;
}

function planJob(
  { trigger: { id: triggerId, event }, activeJobs, newId }: DecisionRequest,
  pipeline: Pipeline,
  { params, parentJob }: { readonly params: PlannedJob["params"]; readonly parentJob?: Job },
): PlannedJob {
  const trigger: JobTrigger = parentJob
    ? { ...parentJob.trigger, type: "rerun", triggerId, actor: event.actor }
    : {
        type: event.type,
        triggerId,
        ref: refOf(event),
        branch: branchOf(event),
        tag: event.tag,
        commitSha: event.commitSha,
        commitMessage: event.commitMessage,
        actor: event.actor,
        pullRequest: event.pullRequest,
      };
  const supersedes =
    isFromRepository(event.type) && pipeline.document.spec.concurrency.cancel_superseded
      ? relatedJobs(activeJobs, pipeline, trigger.ref).map((job) => job.id)
      : [];
  return {
    id: newId(),
    pipelineId: pipeline.id,
    trigger,
    params,
    attempt: (parentJob?.attempt ?? 0) + 1,
    parentJobId: parentJob?.id,
    supersedes,
  };
}

/** The active jobs of a pipeline and ref that came of pushes, tags and pull requests. */
function relatedJobs(activeJobs: ActiveJobs, pipeline: Pipeline, ref: string | undefined): ActiveJob[] {
  if (ref === undefined) return [];
  return activeJobs.ofRef(pipeline.id, ref).filter((job) => isFromRepository(job.trigger.type));
}

function isFromRepository(type: TriggerEvent["type"]): boolean {
  return type === "push" || type === "tag" || type === "pull_request";
}

function one(pipeline: Pipeline, job: PlannedJob): Decision {
  return { jobs: [job], cancels: [], outcome: `A job for ${pipeline.name}.` };
}

function nothing(outcome: string): Decision {
  return { jobs: [], cancels: [], outcome };
}

/** With thousands of pipelines on one repository nobody reads to the end. */
function shorten(outcome: string): string {
  return outcome.length > 2_000 ? `${outcome.slice(0, 2_000)}…` : outcome;
}
