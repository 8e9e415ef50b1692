// Whatever happens in whatever order, including the scheduler's sudden death and answers that get lost: the limits hold, each
// group is served first come first served, and every trigger is decided exactly once.
import { setImmediate } from "node:timers/promises";
import * as fc from "fast-check";
import { createMetrics, createTestClock, silentLogger, type TestClock } from "@danube/kit";
import { type Change, type Commands, DanubeError, isFinal, type Job, type TriggerEvent } from "@danube/protocol";
import { expect, test } from "vitest";
import { createApp, type Scheduler } from "./app.ts";
import { limitsOf } from "./admission/limits.ts";
import { blueprintOf } from "./testing/configuration.ts";
import { createTestControlPlane, type TestControlPlane } from "./testing/control-plane.ts";
import { settle } from "./testing/settle.ts";

const maxJobs = 3;
const repository = "https://git.test/acme/site";
const blueprint = blueprintOf(
  {
    free: { repository },
    two: { repository, concurrency: { limit: 2 } },
    deployA: { concurrency: { group: "deploy" } },
    deployB: { concurrency: { group: "deploy", limit: 1 } },
    latest: { repository: "https://git.test/acme/latest", concurrency: { cancel_superseded: true, limit: 1 } },
  },
  maxJobs,
);

const action = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("manual" as const),
      pipeline: fc.constantFrom("free", "two", "deployA", "deployB"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("push" as const),
      url: fc.constantFrom(repository, "https://git.test/acme/latest"),
      branch: fc.constantFrom("main", "dev"),
      commit: fc.constantFrom("a", "b"),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("end" as const), which: fc.nat(100) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("lose" as const),
      when: fc.constantFrom("before" as const, "after" as const),
      calls: fc.nat(4),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.constantFrom(1_000, 10_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("redeliver" as const), which: fc.nat(100) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

test("limits, order and decisions survive everything", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
      const clock = createTestClock();
      const losses: { when: "before" | "after"; calls: number }[] = [];
      await using plane = await createTestControlPlane({
        clock,
        fault: (when) => {
          const next = losses[0];
          if (!next || next.when !== when || next.calls-- > 0) return;
          losses.shift();
          throw new DanubeError("connection_lost", "The connection broke.");
        },
      });
      await plane.apply(blueprint);
      const world = await createWorld(plane, clock);
      for (const step of actions) {
        if (step.do === "lose") losses.push({ ...step });
        else await world.perform(step);
      }
      losses.length = 0;
      await world.drain();
      await world.check();
    }),
    { numRuns: 25 },
  );
}, 60_000);

async function createWorld(plane: TestControlPlane, clock: TestClock) {
  let alive: { scheduler: Scheduler; isDead: boolean };
  const deliveries: { event: Partial<TriggerEvent>; key: string }[] = [];

  /** A scheduler whose calls go nowhere once it is dead, as those of a killed process do. */
  const start = (): void => {
    const self = { isDead: false };
    const gate = <T extends object>(calls: T): T =>
      Object.fromEntries(
        Object.entries(calls).map(([name, call]) => [
          name,
          (request: unknown) =>
            self.isDead ? new Promise(() => undefined) : (call as (r: unknown) => unknown)(request),
        ]),
      ) as T;
    const scheduler = createApp({
      queries: gate(plane.queries),
      commands: gate<Commands>(plane.commands),
      changes: plane.changes,
      logger: silentLogger,
      metrics: createMetrics(),
      clock,
    });
    alive = Object.assign(self, { scheduler });
    scheduler.start();
  };
  const trigger = async (event: Partial<TriggerEvent>): Promise<void> => {
    const key = `delivery ${deliveries.length}`;
    deliveries.push({ event, key });
    await plane.trigger(event, key);
  };
  const endOne = async (which: number): Promise<boolean> => {
    const { jobs } = await plane.queries.listActiveJobs({});
    const active = jobs.filter((job) => job.status !== "pending");
    const job = active[which % Math.max(active.length, 1)];
    if (job) await plane.end(job.id);
    return job !== undefined;
  };
  start();

  return {
    async perform(step: Exclude<Action, { do: "lose" }>): Promise<void> {
      switch (step.do) {
        case "manual":
          return trigger({ type: "manual", forge: "danube", pipelineName: step.pipeline });
        case "push": {
          const { branch, url } = step;
          const commitSha = step.commit.repeat(40);
          return trigger({ repositoryUrls: [url], ref: `refs/heads/${branch}`, branch, commitSha });
        }
        case "redeliver": {
          const again = deliveries[step.which % Math.max(deliveries.length, 1)];
          if (again) await plane.trigger(again.event, again.key);
          return;
        }
        case "end":
          await endOne(step.which);
          return;
        case "settle":
          return settle(alive.scheduler, plane);
        case "wait":
          return clock.advance(step.ms);
        case "crash":
          alive.isDead = true;
          // What it had sent arrives before anything of the next one, which takes its time to start.
          for (let turn = 0; turn < 5; turn++) await setImmediate();
          return start();
      }
    },
    /** Lets everything come to its end. */
    async drain(): Promise<void> {
      for (let idleRounds = 0, round = 0; idleRounds < 2; round++) {
        expect(round).toBeLessThan(1_000);
        await settle(alive.scheduler, plane);
        const { triggers } = await plane.queries.listUndecidedTriggers({});
        const { jobs } = await plane.queries.listActiveJobs({});
        if (triggers.length === 0 && jobs.length === 0) idleRounds++;
        else if (!(await endOne(0))) await clock.advance(1_000);
      }
      await alive.scheduler.stop();
    },
    async check(): Promise<void> {
      const limits = limitsOf(await plane.queries.getConfiguration({}));
      checkHistory(plane.told, (pipelineId) => limits.groupOf(pipelineId));
      const decided = new Map<string, number>();
      for (const change of plane.told)
        if (change.type === "trigger")
          decided.set(
            change.trigger.id,
            (decided.get(change.trigger.id) ?? 0) + (change.trigger.status === "decided" ? 1 : 0),
          );
      expect([...decided.values()].filter((times) => times !== 1)).toEqual([]);
      expect(decided.size).toBe(deliveries.length);
      for (const job of await plane.jobs()) expect(isFinal(job.status)).toBe(true);
    },
  };
}

/** Goes through everything that was ever committed, in order, and looks at each state in between. */
function checkHistory(
  told: readonly Change[],
  groupOf: (pipelineId: string) => { readonly key: string; readonly limit: number },
): void {
  const jobs = new Map<string, Job>();
  for (const change of told) {
    if (change.type !== "job") continue;
    const { job } = change;
    const before = jobs.get(job.id);
    jobs.set(job.id, job);
    const group = groupOf(job.pipelineId);
    if (job.status === "scheduling" && before?.status !== "scheduling") {
      const overtaken = [...jobs.values()].filter(
        (other) => other.status === "pending" && groupOf(other.pipelineId).key === group.key && isBefore(other, job),
      );
      expect(overtaken).toEqual([]);
    }
    const running = [...jobs.values()].filter(({ status }) => status === "scheduling" || status === "running");
    expect(running.length).toBeLessThanOrEqual(maxJobs);
    expect(running.filter((other) => groupOf(other.pipelineId).key === group.key).length).toBeLessThanOrEqual(
      group.limit,
    );
  }
}

function isBefore(a: Job, b: Job): boolean {
  return a.createdAt < b.createdAt || (a.createdAt === b.createdAt && a.id < b.id);
}
