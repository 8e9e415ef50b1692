// A job's event becomes rows: the pure transition, and everything that has to be in the same transaction with it.
import {
  createJob,
  finishRunningSteps,
  getJob,
  getPipelineOfJob,
  getJobRun,
  type JobRecord,
  type JobTransition,
  keepJobRun,
  listSteps,
  recordJobOutcome,
  requestCancellation,
  setJobToken,
  transitionJob,
  type WriteTransaction,
} from "@danube/db/write";
import { assertNever, infrastructureReasons, isFinal, type Job, type JobOutcome } from "@danube/protocol";
import type { Emit } from "../changes/committer.ts";
import { createJobToken, type JobToken } from "./job-token.ts";
import type { Stopwatch } from "./stopwatch.ts";
import { type JobEvent, type JobState, transition, type Transition } from "./transition.ts";

/** An event as the world tells it; what the steps came to is looked up here. */
export type JobHappening =
  | Exclude<JobEvent, { type: "coordinatorFinished" }>
  | { readonly type: "coordinatorFinished"; readonly outcome: JobOutcome };

export interface AppliedEvent {
  readonly transition: Transition;
  readonly record: JobRecord;
  /** The token of a job that was admitted just now. */
  readonly token?: JobToken;
}

export interface ApplyContext {
  readonly stopwatch: Stopwatch;
  readonly newId: () => string;
}

/** Applies `happening` to the job, and emits what changed. Throws `not_found`. */
export function applyEvent(
  transaction: WriteTransaction,
  emit: Emit,
  jobId: string,
  happening: JobHappening,
  context: ApplyContext,
): AppliedEvent {
  const before = getJob(transaction, jobId);
  const event = withFacts(transaction, jobId, happening);
  const result = transition(stateOf(before), event);
  if (result.type !== "changed") return { transition: result, record: before };
  if (event.type === "coordinatorFinished") recordJobOutcome(transaction, jobId, event.outcome);
  const token = store(transaction, before, result.state, context);
  settleSteps(transaction, emit, jobId, result);
  const record = getJob(transaction, jobId);
  emit({ type: "job", job: record.job });
  createSuccessor(transaction, emit, record.job, context);
  return { transition: result, record, ...(token ? { token } : {}) };
}

/** Gives a job that was just admitted its token, and begins to measure its wait. */
export function prepareStart(transaction: WriteTransaction, jobId: string, stopwatch: Stopwatch): JobToken {
  const token = createJobToken();
  setJobToken(transaction, jobId, token.sha256);
  keepJobRun(transaction, jobId, { scheduledMark: JSON.stringify(stopwatch.mark()) });
  return token;
}

/** What decisions are made on. */
export function stateOf(record: JobRecord): JobState {
  const { job, cancellation } = record;
  if (!cancellation || isFinal(job.status)) return { status: job.status, reason: job.reason, message: job.message };
  const status = cancellation.reason === "timeout" ? "timeout" : "cancelled";
  return { status: job.status, ending: { status, reason: cancellation.reason, message: cancellation.message } };
}

function withFacts(transaction: WriteTransaction, jobId: string, happening: JobHappening): JobEvent {
  if (happening.type !== "coordinatorFinished") return happening;
  const commands = listSteps(transaction, jobId).filter((step) => step.kind === "command");
  const named = (status: "running" | "lost") =>
    commands.filter((step) => step.status === status).map((step) => step.name);
  const outOfMemory = commands.filter(({ reason }) => reason === "oom_killed").map(({ id }) => id);
  return { ...happening, steps: { running: named("running"), lost: named("lost"), outOfMemory } };
}

/** Writes the new state; gives a job that was admitted its token. */
function store(
  transaction: WriteTransaction,
  before: JobRecord,
  state: JobState,
  { stopwatch }: ApplyContext,
): JobToken | undefined {
  const jobId = before.job.id;
  const mark = JSON.stringify(stopwatch.mark());
  if (state.ending && state.status === before.job.status) {
    requestCancellation(transaction, { jobId, reason: state.ending.reason, message: state.ending.message });
    keepJobRun(transaction, jobId, { endingMark: mark });
  } else {
    transitionJob(transaction, { jobId, to: toJobTransition(state) });
    if (state.status === "running") keepJobRun(transaction, jobId, { startedMark: mark });
    if (state.status === "scheduling") return prepareStart(transaction, jobId, stopwatch);
  }
  return undefined;
}

function toJobTransition({ status, reason = "infra_lost", message = "" }: JobState): JobTransition {
  switch (status) {
    case "scheduling":
    case "running":
    case "success":
      return { status };
    case "failure":
    case "timeout":
    case "cancelled":
      return { status, reason, message };
    case "pending":
      throw new TypeError("No event leads back to pending.");
    default:
      return assertNever(status);
  }
}

function settleSteps(
  transaction: WriteTransaction,
  emit: Emit,
  jobId: string,
  result: Extract<Transition, { type: "changed" }>,
): void {
  if (!isFinal(result.state.status)) return;
  const settle = result.effects.find((effect) => effect.type === "settleSteps");
  // Of a successful job only groups can be left open: every command has ended.
  const { status, message } = settle ?? { status: "cancelled", message: "The pipeline ended before this group did." };
  for (const step of finishRunningSteps(transaction, { jobId, status, message })) emit({ type: "step", step });
}

/** The automatic next attempt of a job that our infrastructure failed: it waits for its admission like any other. */
function createSuccessor(transaction: WriteTransaction, emit: Emit, job: Job, { newId }: ApplyContext): void {
  if (job.status !== "failure" || job.reason === undefined || !infrastructureReasons.has(job.reason)) return;
  if (getJobRun(transaction, job.id).workspaceDirectory !== undefined) return;
  const { retry } = getPipelineOfJob(transaction, job.id).spec;
  if (!retry.on.includes("infra") || job.attempt > retry.attempts) return;
  const successor = createJob(transaction, {
    id: newId(),
    pipelineId: job.pipelineId,
    trigger: job.trigger,
    params: job.params,
    admit: false,
    message: `It is tried again: ${job.message ?? "the attempt before it was lost."}`,
    attempt: job.attempt + 1,
    parentJobId: job.id,
    supersedes: [],
  });
  emit({ type: "job", job: successor });
}
