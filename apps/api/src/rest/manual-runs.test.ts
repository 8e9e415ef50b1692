import { newId } from "@danube/kit";
import type { Job, TriggerEvent } from "@danube/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../testing/test-api.ts";

let server: TestApi;
let stopDeciding: () => void;
beforeAll(async () => {
  server = await startTestApi({
    pipelines: [
      {
        name: "app",
        params: {
          level: { type: "enum", values: ["low", "high"], default: "low" },
          count: { type: "number", min: 1, max: 3, default: 1 },
          dry: { type: "boolean", default: false },
          note: { type: "string", pattern: "[a-z]*", default: "" },
        },
      },
      { name: "strict", params: { target: { type: "string" } } },
      { name: "undecided" },
    ],
    limits: { decisionWaitMs: 5_000 },
  });
  stopDeciding = decideAtOnce(server);
});
afterAll(async () => {
  stopDeciding();
  await server.stop();
});

/** Does the scheduler's part: one job for each trigger, but for those of the pipeline "undecided". */
function decideAtOnce({ changes, commands, dependencies }: TestApi): () => void {
  const ending = new AbortController();
  void (async () => {
    for await (const change of changes.watch(ending.signal)) {
      if (change.type !== "trigger" || change.trigger.status === "decided") continue;
      const { id, event } = change.trigger;
      if (event.pipelineName === "undecided") continue;
      const { pipeline } = await dependencies.queries.getPipeline({ name: event.pipelineName ?? "" });
      if (pipeline === undefined) continue;
      const { type, ref, branch, commitSha, pullRequest, actor } = event;
      await commands.decideTrigger({
        triggerId: id,
        outcome: "One job.",
        jobs: [
          {
            id: newId(),
            pipelineId: pipeline.id,
            trigger: { type, ref, branch, commitSha, pullRequest, actor },
            params: event.params ?? {},
            admit: true,
            parentJobId: event.parentJobId,
          },
        ],
      });
    }
  })();
  return () => ending.abort();
}

const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  server.fetch(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
const trigger = (body: unknown, headers?: Record<string, string>) =>
  post("/api/v1/pipelines/app/trigger", body, headers);
const eventOf = async (triggerId: string): Promise<TriggerEvent | undefined> =>
  (await server.dependencies.queries.getTrigger({ triggerId })).trigger?.event;
type Started = { triggerId: string; jobs: Job[]; outcome?: string };

describe("trigger", () => {
  test("is durable, waits for the decision and names the job", async () => {
    const response = await trigger({ branch: "dev", commitSha: "b".repeat(40), params: { level: "high", count: 2 } });
    expect(response.status).toBe(202);
    const { triggerId, jobs, outcome } = (await response.json()) as Started;
    expect(jobs).toMatchObject([{ pipelineName: "app", trigger: { type: "manual", triggerId, branch: "dev" } }]);
    expect(outcome).toBe("One job.");
    expect(await eventOf(triggerId)).toEqual({
      type: "manual",
      forge: "danube",
      repositoryUrls: ["https://github.com/octo/app"],
      pipelineName: "app",
      branch: "dev",
      ref: "refs/heads/dev",
      commitSha: "b".repeat(40),
      params: { level: "high", count: 2 },
      actor: "local",
    });
  });

  test("without a decision in time it names none, and is durable all the same", async () => {
    const impatient = await startTestApi({ pipelines: [{ name: "undecided" }], limits: { decisionWaitMs: 20 } });
    try {
      const response = await impatient.fetch("/api/v1/pipelines/undecided/trigger", {
        method: "POST",
        body: "{}",
        headers: { "content-type": "application/json" },
      });
      expect(response.status).toBe(202);
      const { triggerId, jobs } = (await response.json()) as Started;
      expect(jobs).toEqual([]);
      const { trigger } = await impatient.dependencies.queries.getTrigger({ triggerId });
      expect(trigger?.status).toBe("received");
    } finally {
      await impatient.stop();
    }
  });

  test("the same Idempotency-Key is the same run; for another request it is refused", async () => {
    const key = { "idempotency-key": "deploy-42" };
    const [first, second] = await Promise.all([trigger({ branch: "dev" }, key), trigger({ branch: "dev" }, key)]);
    const started = (await first.json()) as Started;
    expect(await second.json()).toEqual(started);
    expect(await (await trigger({ branch: "dev" }, key)).json()).toEqual(started);
    const other = await trigger({ branch: "other" }, key);
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: "idempotency_mismatch", ids: { triggerId: started.triggerId } });
    const without = (await (await trigger({ branch: "dev" })).json()) as Started;
    expect(without.triggerId).not.toBe(started.triggerId);
  });

  test("another person's same key is another run", async () => {
    const key = { "idempotency-key": "shared" };
    const mine = (await (await trigger({}, key)).json()) as Started;
    const token = await server.createToken({ scopes: ["write"], subject: "somebody else" });
    const theirs = (await (await trigger({}, { ...key, authorization: `Bearer ${token}` })).json()) as Started;
    expect(theirs.triggerId).not.toBe(mine.triggerId);
  });

  test.each([
    [{ params: { unknown: 1 } }, "/params/unknown"],
    [{ params: { level: "middle" } }, "/params/level"],
    [{ params: { count: 4 } }, "/params/count"],
    [{ params: { count: "4" } }, "/params/count"],
    [{ params: { count: "two" } }, "/params/count"],
    [{ params: { note: "UPPER" } }, "/params/note"],
    [{ params: { dry: "yes" } }, "/params/dry"],
    [{ params: { note: 5 } }, "/params/note"],
    [{ params: { __proto__: 1, constructor: "x" } }, "/params/constructor"],
    [{ params: { note: null } }, "/params/note"],
    [{ branch: "" }, "/branch"],
  ])("%o is refused, with the place", async (body, pointer) => {
    const response = await trigger(body);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "invalid_request", errors: [{ pointer }] });
  });

  test("text that spells a number or a boolean is taken for it", async () => {
    expect((await trigger({ params: { count: "2", dry: "true" } })).status).toBe(202);
  });

  test("a parameter without a default must be given", async () => {
    const response = await post("/api/v1/pipelines/strict/trigger", { params: {} });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: "/params" }] });
    expect((await post("/api/v1/pipelines/strict/trigger", { params: { target: "x" } })).status).toBe(202);
  });

  test("a body that is too large is refused, whether its length is told or not", async () => {
    const large = `{"branch":"${"x".repeat(1_100_000)}"}`;
    const path = "/api/v1/pipelines/app/trigger";
    // On connections of their own: the server may close one on which it did not take everything.
    const headers = { "content-type": "application/json", connection: "close" };
    expect((await server.fetch(path, { method: "POST", headers, body: large })).status).toBe(413);
    const streamed = { method: "POST", headers, body: new Blob([large]).stream(), duplex: "half" } as const;
    expect((await server.fetch(path, streamed)).status).toBe(413);
  });

  test("what is no JSON, no commit, no key or no pipeline is refused", async () => {
    const path = "/api/v1/pipelines/app/trigger";
    const raw = (body: string, type: string) =>
      server.fetch(path, { method: "POST", body, headers: { "content-type": type } });
    expect((await raw("{", "application/json")).status).toBe(400);
    expect((await raw('{"branch":"x"}', "text/plain")).status).toBe(400);
    expect((await trigger({ commitSha: "abc" })).status).toBe(400);
    expect((await trigger({}, { "idempotency-key": "a b" })).status).toBe(400);
    expect((await trigger({}, { "idempotency-key": "x".repeat(201) })).status).toBe(400);
    expect((await post("/api/v1/pipelines/none/trigger")).status).toBe(404);
  });
});

describe("rerun", () => {
  const pullRequest = {
    number: 5,
    title: "t",
    action: "opened",
    headBranch: "main",
    baseBranch: "main",
    isFork: true,
    headRepository: "eve/app",
  } as const;

  test("runs the same commit with the same parameters, as what it was: a fork's stays a fork's", async () => {
    const old = await server.createJob({
      trigger: { type: "pull_request", ref: "refs/pull/5/head", branch: undefined, pullRequest },
    });
    await server.moveJob(old.id, { status: "failure", reason: "step_failed", message: "Tests failed." });
    const response = await post(`/api/v1/jobs/${old.id}/rerun`);
    expect(response.status).toBe(202);
    const { triggerId, jobs } = (await response.json()) as Started;
    expect(jobs).toMatchObject([{ parentJobId: old.id, trigger: { type: "rerun", commitSha: old.trigger.commitSha } }]);
    expect(await eventOf(triggerId)).toMatchObject({
      type: "rerun",
      pipelineName: "app",
      parentJobId: old.id,
      commitSha: old.trigger.commitSha,
      ref: "refs/pull/5/head",
      pullRequest,
      params: {},
    });
  });

  test("refuses a job that is not over, and one that does not exist", async () => {
    const running = await server.createJob();
    expect((await post(`/api/v1/jobs/${running.id}/rerun`)).status).toBe(409);
    expect((await post(`/api/v1/jobs/${newId()}/rerun`)).status).toBe(404);
    expect((await post("/api/v1/jobs/..%2f..%2fetc/rerun")).status).toBe(404);
  });
});
