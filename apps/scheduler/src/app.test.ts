import { createMetrics, createTestClock, silentLogger, type TestClock } from "@danube/kit";
import { DanubeError, type Job, type TriggerEvent } from "@danube/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createApp, type Scheduler } from "./app.ts";
import { blueprintOf } from "./testing/configuration.ts";
import { createTestControlPlane, type SchedulerCommands, type TestControlPlane } from "./testing/control-plane.ts";
import { settle as settleBoth } from "./testing/settle.ts";

let clock: TestClock;
let plane: TestControlPlane;
let scheduler: Scheduler;
let fault: (when: "before" | "after", command: keyof SchedulerCommands) => void;

beforeEach(async () => {
  clock = createTestClock();
  fault = () => undefined;
  plane = await createTestControlPlane({ clock, fault: (when, command) => fault(when, command) });
  scheduler = createApp({ ...plane, logger: silentLogger, metrics: createMetrics(), clock });
});
afterEach(async () => {
  await scheduler.stop();
  expect(clock.timers()).toBe(0);
  await plane[Symbol.asyncDispose]();
});

const settle = () => settleBoth(scheduler, plane);

async function startWith(pipelines: Record<string, object>, maxJobs?: number): Promise<void> {
  await plane.apply(blueprintOf(pipelines, maxJobs));
  scheduler.start();
  await settle();
}

const push = (fields: Partial<TriggerEvent> = {}): Partial<TriggerEvent> => ({
  repositoryUrls: ["https://git.test/acme/site"],
  ref: "refs/heads/main",
  branch: "main",
  commitSha: "a".repeat(40),
  ...fields,
});
const manual = (pipelineName: string): Partial<TriggerEvent> => ({ type: "manual", forge: "danube", pipelineName });
const statuses = async () =>
  (await plane.jobs()).map(({ pipelineName, number, status }) => `${pipelineName} #${number} ${status}`);
const outcomeOf = async (triggerId: string) => (await plane.queries.getTrigger({ triggerId })).trigger?.outcome;
const last = async (): Promise<Job> => (await plane.jobs()).at(-1) as Job;

test("a push becomes a job at once", async () => {
  await startWith({ site: {} });
  const triggerId = await plane.trigger(push());
  await settle();
  expect(await statuses()).toEqual(["site #1 scheduling"]);
  expect(await outcomeOf(triggerId)).toBe("A job for site.");
  expect((await last()).trigger).toMatchObject({ type: "push", triggerId, branch: "main" });
});

test("what arrived before the scheduler started is decided when it does, in order", async () => {
  await plane.apply(blueprintOf({ site: {}, api: {} }, 1));
  for (const name of ["api", "site", "api"]) await plane.trigger(manual(name));
  scheduler.start();
  await settle();
  expect(await statuses()).toEqual(["api #1 scheduling", "site #1 pending", "api #2 pending"]);
});

test("more triggers than are looked up at once are all decided", async () => {
  await plane.apply(blueprintOf({ site: { triggers: [] } }));
  const ids = await Promise.all(Array.from({ length: 1_100 }, () => plane.trigger(push())));
  scheduler.start();
  await settle();
  const { triggers } = await plane.queries.listUndecidedTriggers({});
  expect(triggers).toEqual([]);
  expect(await outcomeOf(ids.at(-1) as string)).toBe("None for site: it has no push trigger.");
});

test("two deliveries about one commit of one branch make one job", async () => {
  await startWith({ site: {} });
  const ids = await Promise.all([plane.trigger(push()), plane.trigger(push()), plane.trigger(push())]);
  await settle();
  expect(await statuses()).toEqual(["site #1 scheduling"]);
  expect(await Promise.all(ids.map(outcomeOf))).toEqual([
    "A job for site.",
    "None for site: a job for this commit of this ref is active already.",
    "None for site: a job for this commit of this ref is active already.",
  ]);
  await plane.end((await last()).id);
  await plane.trigger(push());
  await settle();
  expect(await statuses()).toEqual(["site #1 success", "site #2 scheduling"]);
});

test("a newer push takes the place of the older ones of its branch", async () => {
  await startWith({ site: { concurrency: { limit: 1, cancel_superseded: true } } });
  for (const letter of ["a", "b", "c"]) await plane.trigger(push({ commitSha: letter.repeat(40) }));
  await plane.trigger(push({ ref: "refs/heads/dev", branch: "dev" }));
  await settle();
  // The first one runs: that it is to end is its runtime's business.
  expect(await statuses()).toEqual(["site #1 scheduling", "site #2 cancelled", "site #3 pending", "site #4 pending"]);
  const [first] = await plane.jobs();
  await plane.end(first!.id);
  await settle();
  expect((await statuses())[2]).toBe("site #3 scheduling");
});

test("a pull request that closes takes its jobs along, even when all of it happens at once", async () => {
  await startWith({ site: { triggers: [{ on: "pull_request" }], concurrency: { limit: 1 } } });
  const pullRequest = (action: "opened" | "closed", number: number): Partial<TriggerEvent> => ({
    ...push({ type: "pull_request", ref: `refs/pull/${number}/head` }),
    pullRequest: { number, title: "", action, headBranch: "topic", baseBranch: "main", isFork: false },
  });
  const ids: string[] = [];
  for (const [action, number] of [
    ["opened", 1],
    ["opened", 2],
    ["closed", 2],
  ] as const)
    ids.push(await plane.trigger(pullRequest(action, number)));
  await settle();
  expect(await statuses()).toEqual(["site #1 scheduling", "site #2 cancelled"]);
  expect(await outcomeOf(ids[2]!)).toBe("Pull request #2 was closed; its active jobs are cancelled: 1.");
});

test("a job that finds no room waits, says for what, and goes ahead when there is room", async () => {
  await startWith({ site: { concurrency: { group: "deploy" } }, api: { concurrency: { group: "deploy" } }, free: {} });
  for (const name of ["site", "api", "api", "free"]) await plane.trigger(manual(name));
  await settle();
  expect(await statuses()).toEqual(["site #1 scheduling", "api #1 pending", "api #2 pending", "free #1 scheduling"]);
  const [first, second, third] = await plane.jobs();
  expect(second?.message).toBe('Waits for the concurrency group "deploy" (limit 1). Running: site #1. It is the next.');
  expect(third?.message).toBe(
    'Waits for the concurrency group "deploy" (limit 1). Running: site #1. Ahead of it: api #1.',
  );
  await plane.end(first!.id);
  await settle();
  expect((await statuses()).slice(0, 3)).toEqual(["site #1 success", "api #1 scheduling", "api #2 pending"]);
  await clock.advance(10_000);
  await settle();
  expect((await plane.jobs())[2]?.message).toBe(
    'Waits for the concurrency group "deploy" (limit 1). Running: api #1. It is the next.',
  );
});

test("a new configuration counts from when it is applied", async () => {
  await startWith({ site: {} }, 1);
  for (let n = 0; n < 3; n++) await plane.trigger(manual("site"));
  await settle();
  expect(await statuses()).toEqual(["site #1 scheduling", "site #2 pending", "site #3 pending"]);
  await plane.apply(blueprintOf({ site: {} }, 2));
  await settle();
  expect(await statuses()).toEqual(["site #1 scheduling", "site #2 scheduling", "site #3 pending"]);
});

test("a rerun is another attempt of the same commit", async () => {
  await startWith({ site: {} });
  await plane.trigger(push());
  await settle();
  const parent = await last();
  await plane.end(parent.id);
  await plane.trigger({ type: "rerun", forge: "danube", parentJobId: parent.id, actor: "ada" });
  await settle();
  expect(await last()).toMatchObject({
    attempt: 2,
    parentJobId: parent.id,
    trigger: { type: "rerun", commitSha: "a".repeat(40), actor: "ada" },
  });
});

test("an answer that was lost leads neither to a second job nor to a second decision", async () => {
  await startWith({ site: {} }, 2);
  let losses = 0;
  fault = (when, command) => {
    if (when === "after" && command === "decideTrigger" && losses++ < 2)
      throw new DanubeError("connection_lost", "Gone.");
  };
  for (let n = 0; n < 4; n++) await plane.trigger(manual("site"));
  await settle();
  for (let n = 0; n < 4; n++) {
    await clock.advance(1_000);
    await settle();
  }
  expect(await statuses()).toEqual(["site #1 scheduling", "site #2 scheduling", "site #3 pending", "site #4 pending"]);
  expect(plane.told.filter((change) => change.type === "trigger" && change.trigger.status === "decided")).toHaveLength(
    4,
  );
});

test("a trigger whose decision fails again and again is given up, with a word; the others are not held up for good", async () => {
  await startWith({ site: {} });
  let failures = 0;
  fault = (when, command) => {
    if (when === "before" && command === "decideTrigger" && failures++ < 3) throw new Error("broken");
  };
  const bad = await plane.trigger(manual("site"));
  for (let n = 0; n < 4; n++) {
    await settle();
    await clock.advance(1_000);
  }
  const good = await plane.trigger(manual("site"));
  await settle();
  expect(await outcomeOf(bad)).toBe("The decision failed again and again; the scheduler's log has the error.");
  expect(await outcomeOf(good)).toBe("A job for site.");
});

test("a writer that is away for a while is waited for, however long", async () => {
  let isAway = true;
  fault = (when, command) => {
    if (isAway && when === "before" && command === "decideTrigger") throw new DanubeError("unavailable", "Away.");
  };
  await startWith({ site: {} });
  const triggerId = await plane.trigger(manual("site"));
  for (let n = 0; n < 10; n++) {
    await settle();
    await clock.advance(1_000);
  }
  expect(await outcomeOf(triggerId)).toBeUndefined();
  isAway = false;
  await clock.advance(1_000);
  await settle();
  expect(await outcomeOf(triggerId)).toBe("A job for site.");
});

test("what the stream of changes did not tell is found within ten seconds", async () => {
  await scheduler.stop();
  scheduler = createApp({
    ...plane,
    changes: { watch: (signal) => silence(signal) },
    logger: silentLogger,
    metrics: createMetrics(),
    clock,
  });
  await startWith({ site: {} }, 1);
  await plane.trigger(manual("site"));
  await plane.trigger(manual("site"));
  await clock.advance(10_000);
  await settle();
  expect(await statuses()).toEqual(["site #1 scheduling", "site #2 pending"]);
  const [first] = await plane.jobs();
  await plane.end(first!.id);
  await clock.advance(10_000);
  await settle();
  expect(await statuses()).toEqual(["site #1 success", "site #2 scheduling"]);
});

test("after an answer was lost nobody goes ahead before everything is known again", async () => {
  await scheduler.stop();
  const changes = { watch: silence };
  scheduler = createApp({ ...plane, changes, logger: silentLogger, metrics: createMetrics(), clock });
  let losses = 0;
  fault = (when, command) => {
    if (when === "after" && command === "decideTrigger" && losses++ < 1)
      throw new DanubeError("connection_lost", "Gone.");
  };
  await plane.trigger(manual("site"));
  await plane.trigger(manual("site"));
  await startWith({ site: {} }, 1);
  expect(await statuses()).toEqual(["site #1 scheduling", "site #2 pending"]);
  await clock.advance(1_000);
  await settle();
  expect(await statuses()).toEqual(["site #1 scheduling", "site #2 pending"]);
});

test("without a Blueprint repository there is nothing to sync", async () => {
  await expect(scheduler.syncNow()).rejects.toMatchObject({ code: "invalid_request" });
});

async function* silence(signal: AbortSignal): AsyncGenerator<never> {
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  yield* [];
}
