import { infrastructureReasons, isFinal, JobStatus, Reason } from "@danube/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type JobEvent, type JobState, transition } from "./transition.ts";

const none = { running: [], lost: [] } as const;
const finished = (outcome: Extract<JobEvent, { type: "coordinatorFinished" }>["outcome"], steps = none): JobEvent => ({
  type: "coordinatorFinished",
  outcome,
  steps,
});
const events = {
  admitted: { type: "admitted" },
  refused: { type: "refused", reason: "policy_denied", message: "No." },
  cancel: { type: "cancelRequested", reason: "cancelled_by_user", message: "Ann cancelled it." },
  duration: { type: "durationExceeded", maxDurationSeconds: 60 },
  grace: { type: "graceExpired" },
  running: { type: "coordinatorRunning" },
  success: finished({ status: "success" }),
  failed: finished({ status: "failure", reason: "step_failed", message: "Step failed." }),
  stopped: finished({ status: "cancelled" }),
  lost: { type: "infrastructureFailed", message: "The sandbox is gone." },
  oom: { type: "infrastructureFailed", reason: "oom_killed", message: "Out of memory." },
} as const satisfies Record<string, JobEvent>;

const cancelling = { status: "cancelled", reason: "cancelled_by_user", message: "Ann cancelled it." } as const;
const states = {
  pending: { status: "pending" },
  scheduling: { status: "scheduling" },
  running: { status: "running" },
  ending: { status: "running", ending: cancelling },
} as const satisfies Record<string, JobState>;

// For each state and event: the status it leads to and its reason, or why it changes nothing.
const table: Record<keyof typeof states, Record<keyof typeof events, string>> = {
  pending: {
    admitted: "scheduling",
    refused: "failure policy_denied",
    cancel: "cancelled cancelled_by_user",
    duration: "too_early",
    grace: "not_ending",
    running: "too_early",
    success: "too_early",
    failed: "too_early",
    stopped: "too_early",
    lost: "too_early",
    oom: "too_early",
  },
  scheduling: {
    admitted: "unchanged",
    refused: "failure policy_denied",
    cancel: "cancelled cancelled_by_user",
    duration: "timeout timeout",
    grace: "not_ending",
    running: "running",
    success: "too_early",
    failed: "failure step_failed",
    stopped: "failure pipeline_error",
    lost: "failure infra_lost",
    oom: "failure oom_killed",
  },
  running: {
    admitted: "unchanged",
    refused: "too_late",
    cancel: "running ending:cancelled",
    duration: "running ending:timeout",
    grace: "not_ending",
    running: "unchanged",
    success: "success",
    failed: "failure step_failed",
    stopped: "failure pipeline_error",
    lost: "failure infra_lost",
    oom: "failure oom_killed",
  },
  ending: {
    admitted: "unchanged",
    refused: "too_late",
    cancel: "unchanged",
    duration: "unchanged",
    grace: "cancelled cancelled_by_user",
    running: "unchanged",
    success: "cancelled cancelled_by_user",
    failed: "cancelled cancelled_by_user",
    stopped: "cancelled cancelled_by_user",
    lost: "cancelled cancelled_by_user",
    oom: "cancelled cancelled_by_user",
  },
};

describe("transition", () => {
  for (const [stateName, row] of Object.entries(table)) {
    for (const [eventName, expected] of Object.entries(row)) {
      test(`${stateName}, ${eventName}: ${expected}`, () => {
        const result = transition(states[stateName as keyof typeof states], events[eventName as keyof typeof events]);
        expect(describeResult(result)).toBe(expected);
      });
    }
  }

  test("a success is refused while a step has not been awaited, and names it", () => {
    const event: JobEvent = {
      type: "coordinatorFinished",
      outcome: { status: "success" },
      steps: { running: ["npm test"], lost: [] },
    };
    expect(transition(states.running, event)).toMatchObject({
      state: { status: "failure", reason: "pipeline_error", message: expect.stringContaining('"npm test"') },
    });
  });

  test("a lost step is our failure, whatever the Coordinator says of it", () => {
    for (const outcome of [
      { status: "success" },
      { status: "failure", reason: "step_failed", message: "x" },
    ] as const) {
      const event: JobEvent = { type: "coordinatorFinished", outcome, steps: { running: [], lost: ["build"] } };
      expect(transition(states.running, event)).toMatchObject({ state: { status: "failure", reason: "infra_lost" } });
    }
  });

  test("a job fails for want of memory when the step that failed it did, and not when another did", () => {
    const failed = { status: "failure", reason: "step_failed", message: "x", stepId: "a" } as const;
    const outcomeOf = (outOfMemory: string[]) =>
      transition(states.running, {
        type: "coordinatorFinished",
        outcome: failed,
        steps: { running: [], lost: [], outOfMemory },
      });
    expect(outcomeOf(["a", "b"])).toMatchObject({ state: { status: "failure", reason: "oom_killed" } });
    expect(outcomeOf(["b"])).toMatchObject({ state: { status: "failure", reason: "step_failed" } });
  });

  test("a job that had a sandbox releases it at its end, and settles its steps unless it succeeded", () => {
    expect(transition(states.running, events.success)).toMatchObject({ effects: [{ type: "release" }] });
    expect(transition(states.running, events.lost)).toMatchObject({
      effects: [{ type: "settleSteps", status: "lost" }, { type: "release" }],
    });
    expect(transition(states.pending, events.cancel)).toMatchObject({ effects: [] });
  });

  const reasons = fc.constantFrom(...Reason.options);
  const anyEvent: fc.Arbitrary<JobEvent> = fc.oneof(
    fc.constant<JobEvent>(events.admitted),
    fc.constant<JobEvent>(events.duration),
    fc.constant<JobEvent>(events.grace),
    fc.constant<JobEvent>(events.running),
    fc.constant<JobEvent>(events.success),
    fc.record({
      type: fc.constant("refused" as const),
      reason: fc.constantFrom("policy_denied" as const, "pipeline_error" as const),
      message: fc.string(),
    }),
    fc.record({
      type: fc.constant("cancelRequested" as const),
      reason: fc.constantFrom("cancelled_by_user" as const, "superseded" as const),
      message: fc.string(),
    }),
    fc.record({
      type: fc.constant("infrastructureFailed" as const),
      reason: fc.option(reasons, { nil: undefined }),
      message: fc.string(),
    }),
    fc.record({
      type: fc.constant("coordinatorFinished" as const),
      outcome: fc.oneof(
        fc.record({ status: fc.constant("success" as const) }),
        fc.record({ status: fc.constant("cancelled" as const) }),
        fc.record({
          status: fc.constant("failure" as const),
          reason: fc.constantFrom("step_failed" as const, "pipeline_error" as const),
          message: fc.string(),
        }),
      ),
      steps: fc.record({
        running: fc.array(fc.string(), { maxLength: 4 }),
        lost: fc.array(fc.string(), { maxLength: 2 }),
      }),
    }),
  );

  test("whatever happens in whatever order, the rules hold", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        fc.subarray([events.admitted, events.running]),
        fc.array(anyEvent, { maxLength: 30 }),
        (start, rest) => {
          let state: JobState = { status: "pending" };
          for (const event of [...start, ...rest]) {
            const before = state;
            const result = transition(state, event);
            if (result.type === "changed") state = result.state;
            seen.add(state.status);
            if (isFinal(before.status)) expect(result).toMatchObject({ type: "rejected", why: "final" });
            if (state.status === "success" && before.status !== "success") {
              expect(before.status).toBe("running");
              expect(before.ending).toBeUndefined();
              expect(event).toMatchObject({
                type: "coordinatorFinished",
                outcome: { status: "success" },
                steps: { running: [], lost: [] },
              });
            }
            if (isFinal(state.status) && state.status !== "success") {
              expect(state.reason).toBeDefined();
              expect(state.message?.trim()).toBeTruthy();
            }
            if (state.status === "success") expect(state.reason).toBeUndefined();
            expect(order(state.status)).toBeGreaterThanOrEqual(order(before.status));
          }
        },
      ),
      { numRuns: 2_000 },
    );
    // The property would hold of a machine that never moves: see that this one reaches everything.
    expect([...seen].sort()).toEqual([...JobStatus.options].sort());
  });

  test("an infrastructure reason always ends as a failure", () => {
    for (const reason of infrastructureReasons) {
      expect(transition(states.running, { type: "infrastructureFailed", reason, message: "x" })).toMatchObject({
        state: { status: "failure", reason },
      });
    }
  });
});

function describeResult(result: ReturnType<typeof transition>): string {
  if (result.type === "unchanged") return "unchanged";
  if (result.type === "rejected") return result.why;
  const { status, reason, ending } = result.state;
  return [status, ...(reason ? [reason] : []), ...(ending ? [`ending:${ending.status}`] : [])].join(" ");
}

function order(status: JobStatus): number {
  return { pending: 0, scheduling: 1, running: 2, success: 3, failure: 3, timeout: 3, cancelled: 3 }[status];
}
