// What may happen to a job, decided without doing any of it.
//
//   pending ── admitted ──► scheduling ── coordinatorRunning ──► running ──► success | failure | timeout | cancelled
//
// A running job that is cancelled or takes too long does not end at once: it is `ending` while its commands and its `finally`
// blocks have their grace, and then ends as `ending` says, whatever else happens meanwhile. Two rules stand above all:
// a final state never changes, and success comes only from a running job, by its own Coordinator's report, when every step
// that was started has ended and none was lost.
import { assertNever, isFinal, type JobOutcome, type JobStatus, type Reason } from "@danube/protocol";

/** How a job that was asked to end will end. */
export interface JobEnding {
  readonly status: "cancelled" | "timeout";
  readonly reason: Reason;
  readonly message: string;
}

/** The part of a job's row that decisions are made on. */
export interface JobState {
  readonly status: JobStatus;
  readonly reason?: Reason;
  readonly message?: string;
  readonly ending?: JobEnding;
}

/** What is known of a job's steps when its Coordinator says that it is done. */
export interface StepFacts {
  /** Names of steps that have not ended. */
  readonly running: readonly string[];
  /** Names of steps whose exit status was never recorded. */
  readonly lost: readonly string[];
  /** Ids of steps that failed because there was no memory left. */
  readonly outOfMemory?: readonly string[];
}

export type JobEvent =
  | { readonly type: "admitted" }
  /** Policy says no, or the commit cannot be found: nothing was started. */
  | { readonly type: "refused"; readonly reason: "policy_denied" | "pipeline_error"; readonly message: string }
  | {
      readonly type: "cancelRequested";
      readonly reason: "cancelled_by_user" | "superseded";
      readonly message: string;
    }
  | { readonly type: "durationExceeded"; readonly maxDurationSeconds: number }
  /** The grace of an ending job is over. */
  | { readonly type: "graceExpired" }
  /** The Coordinator is about to call the pipeline function. */
  | { readonly type: "coordinatorRunning" }
  | { readonly type: "coordinatorFinished"; readonly outcome: JobOutcome; readonly steps: StepFacts }
  /** Something of ours broke for good: the sandbox, the disk, a step's process. `reason` defaults to `infra_lost`. */
  | { readonly type: "infrastructureFailed"; readonly reason?: Reason; readonly message: string };

export type JobEffect =
  /** Make the sandbox. */
  | { readonly type: "start" }
  /** Begin to measure the job's duration. */
  | { readonly type: "measure" }
  /** Tell the Coordinator, signal the commands, begin to measure the grace. */
  | { readonly type: "end"; readonly ending: JobEnding }
  /** With the final state: end the rows of steps that still run. Belongs in the same transaction. */
  | { readonly type: "settleSteps"; readonly status: "cancelled" | "timeout" | "lost"; readonly message: string }
  /** After the final state is durable: close the log, delete the sandbox, forget secrets and token. */
  | { readonly type: "release" };

export type Transition =
  | { readonly type: "changed"; readonly state: JobState; readonly effects: readonly JobEffect[] }
  /** Already so: nothing to do, and nothing wrong. */
  | { readonly type: "unchanged" }
  | {
      readonly type: "rejected";
      readonly why: "final" | "too_early" | "too_late" | "not_ending";
      readonly message: string;
    };

/** What `event` makes of a job in `state`. Total: every event has an answer in every state. Pure. */
export function transition(state: JobState, event: JobEvent): Transition {
  if (isFinal(state.status)) return rejected("final", `The job has ended already, as ${state.status}.`);
  switch (event.type) {
    case "admitted":
      return state.status === "pending"
        ? { type: "changed", state: { status: "scheduling" }, effects: [{ type: "start" }] }
        : { type: "unchanged" };
    case "refused":
      if (state.status === "running") return rejected("too_late", "The job runs already, so it cannot be refused.");
      return finish(state, "failure", event.reason, event.message);
    case "cancelRequested":
      return endOrFinish(state, { status: "cancelled", reason: event.reason, message: event.message });
    case "durationExceeded":
      if (state.status === "pending")
        return rejected("too_early", "The job has not begun, so it cannot take too long.");
      return endOrFinish(state, {
        status: "timeout",
        reason: "timeout",
        message: `The job took longer than the ${event.maxDurationSeconds} s that its pipeline allows.`,
      });
    case "graceExpired":
      return state.ending === undefined
        ? rejected("not_ending", "The job was not asked to end.")
        : finishAsAsked(state, state.ending);
    case "coordinatorRunning":
      if (state.status === "pending") return rejected("too_early", "The job has not been admitted yet.");
      if (state.status === "running") return { type: "unchanged" };
      return { type: "changed", state: { status: "running" }, effects: [{ type: "measure" }] };
    case "coordinatorFinished":
      return finished(state, event.outcome, event.steps);
    case "infrastructureFailed":
      if (state.status === "pending") return rejected("too_early", "The job has no sandbox yet that could fail.");
      if (state.ending !== undefined) return finishAsAsked(state, state.ending);
      return finish(state, statusOf(event.reason ?? "infra_lost"), event.reason ?? "infra_lost", event.message);
    default:
      return assertNever(event);
  }
}

function endOrFinish(state: JobState, ending: JobEnding): Transition {
  if (state.ending !== undefined) return { type: "unchanged" };
  // Before the pipeline function was called there is no `finally` block to wait for.
  if (state.status !== "running") return finishAsAsked(state, ending);
  return { type: "changed", state: { ...state, ending }, effects: [{ type: "end", ending }] };
}

function finished(state: JobState, outcome: JobOutcome, steps: StepFacts): Transition {
  if (state.status === "pending") return rejected("too_early", "The job has not been admitted yet.");
  if (state.ending !== undefined) return finishAsAsked(state, state.ending);
  if (steps.lost.length > 0) {
    return finish(state, "failure", "infra_lost", `No exit status was recorded of ${quoted(steps.lost)}.`);
  }
  switch (outcome.status) {
    case "success":
      if (state.status !== "running") {
        return rejected("too_early", "The job cannot succeed before its pipeline function was called.");
      }
      if (steps.running.length > 0) {
        const message = `The pipeline ended without waiting for ${quoted(steps.running)}: await every step.`;
        return finish(state, "failure", "pipeline_error", message);
      }
      return { type: "changed", state: { status: "success" }, effects: [{ type: "release" }] };
    case "failure": {
      const isStarved = outcome.stepId !== undefined && steps.outOfMemory?.includes(outcome.stepId) === true;
      const reason = isStarved && outcome.reason === "step_failed" ? "oom_killed" : outcome.reason;
      return finish(state, "failure", reason, outcome.message);
    }
    case "cancelled":
      return finish(state, "failure", "pipeline_error", "The pipeline stopped as cancelled, but nobody cancelled it.");
    default:
      return assertNever(outcome);
  }
}

function finishAsAsked(state: JobState, ending: JobEnding): Transition {
  return finish(state, ending.status, ending.reason, ending.message);
}

function finish(
  state: JobState,
  status: "failure" | "timeout" | "cancelled",
  reason: Reason,
  message: string,
): Transition {
  const sentence = message.trim() === "" ? `The job ended as ${status} (${reason}).` : message;
  const release: readonly JobEffect[] =
    state.status === "pending"
      ? []
      : [{ type: "settleSteps", status: settledStatus(status, reason), message: sentence }, { type: "release" }];
  return { type: "changed", state: { status, reason, message: sentence }, effects: release };
}

/** How a step ends that still runs when its job is over. It never counts as ended by itself. */
function settledStatus(status: "failure" | "timeout" | "cancelled", reason: Reason): "cancelled" | "timeout" | "lost" {
  if (status !== "failure") return status;
  return reason === "step_failed" || reason === "pipeline_error" || reason === "policy_denied" ? "cancelled" : "lost";
}

function statusOf(reason: Reason): "failure" | "timeout" | "cancelled" {
  if (reason === "timeout") return "timeout";
  return reason === "cancelled_by_user" || reason === "superseded" ? "cancelled" : "failure";
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `"${name.length > 100 ? `${name.slice(0, 100)}…` : name}"`);
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  return `${names.length === 1 ? "step" : "steps"} ${shown.join(", ")}${more}`;
}

function rejected(why: "final" | "too_early" | "too_late" | "not_ending", message: string): Transition {
  return { type: "rejected", why, message };
}
