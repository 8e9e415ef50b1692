import { newId } from "@danube/kit";
import { type Queries, queryMethods } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import { applyPipelines, failed, jobAt, newJob, openTestDatabase, pushEvent } from "../test-database.ts";
import { createArtifact } from "../write/artifacts.ts";
import { recordBlueprintSync } from "../write/blueprint-syncs.ts";
import { createJob } from "../write/create-job.ts";
import { startStep } from "../write/steps.ts";
import { decideTrigger, recordTrigger } from "../write/triggers.ts";
import { createQueries } from "./queries.ts";
import { openReader } from "./reader.ts";

/** The writer and, beside it, the queries of a reader on a connection of its own. */
async function openWithReader() {
  const database = await openTestDatabase();
  const reader = openReader({ dataDirectory: database.dataDirectory });
  return { ...database, reader, queries: createQueries(reader) };
}

describe("createQueries", () => {
  it("answers every query of the table, each as its schema says", async () => {
    const { writer, queries } = await openWithReader();
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const job = await jobAt(writer, pipelineId, { status: "scheduling" }, { status: "running" });
    const trigger = { id: newId(), deduplicationKey: "one", event: pushEvent() };
    const step = { id: newId(), jobId: job.id, kind: "command", name: "npm ci", sequence: 1, attempt: 1 } as const;
    const artifact = { id: newId(), jobId: job.id, name: "site", fileName: "site.tar", kind: "file" } as const;
    await writer.transaction((transaction) => {
      recordTrigger(transaction, trigger);
      startStep(transaction, { ...step, soft: false });
      createArtifact(transaction, { ...artifact, sizeBytes: 3, sha256: "ab".repeat(32) });
      recordBlueprintSync(transaction, {
        id: newId(),
        status: "failed",
        errors: ["config.json: /spec is missing."],
        changesApplied: 0,
        startedAt: transaction.now,
      });
    });
    const requests: { [N in keyof Queries]: Parameters<Queries[N]>[0] } = {
      getJob: { jobId: job.id },
      listJobs: {},
      listActiveJobs: {},
      listSteps: { jobId: job.id },
      listArtifacts: { jobId: job.id },
      getArtifact: { artifactId: artifact.id },
      listPipelines: {},
      getPipeline: { name: "app" },
      getConfiguration: {},
      listUndecidedTriggers: {},
      getTrigger: { triggerId: trigger.id },
      listCronSlots: {},
      listBlueprintSyncs: {},
      listSecrets: {},
      findTokenByHash: { tokenSha256: "ab".repeat(32) },
      ping: {},
    };
    expect(Object.keys(queries).sort()).toEqual(Object.keys(queryMethods).sort());
    for (const name of Object.keys(queryMethods) as (keyof Queries)[]) {
      const answer = await queries[name](requests[name] as never);
      expect(queryMethods[name].response.parse(answer), name).toEqual(answer);
    }
    expect(await queries.getJob(requests.getJob)).toEqual({ job });
    expect(await queries.listActiveJobs({})).toEqual({ jobs: [job] });
    expect((await queries.listSteps({ jobId: job.id })).steps).toMatchObject([step]);
    expect((await queries.listArtifacts({ jobId: job.id })).artifacts).toMatchObject([artifact]);
    expect((await queries.listPipelines({})).pipelines).toMatchObject([{ name: "app", lastJob: job }]);
    expect((await queries.getTrigger({ triggerId: trigger.id })).trigger).toMatchObject(trigger);
    expect((await queries.listBlueprintSyncs({})).syncs).toMatchObject([
      { status: "failed", errors: ["config.json: /spec is missing."] },
    ]);
  });

  it("says nothing of what is not there", async () => {
    const { queries } = await openWithReader();
    expect(await queries.getJob({ jobId: newId() })).toEqual({});
    expect(await queries.getArtifact({ artifactId: newId() })).toEqual({});
    expect(await queries.getPipeline({ name: "none" })).toEqual({});
    expect(await queries.getTrigger({ triggerId: newId() })).toEqual({});
    expect(await queries.listJobs({ pipelineName: "none" })).toEqual({ items: [] });
  });

  it("refuses a request that is not valid", async () => {
    const { queries } = await openWithReader();
    const invalid = { code: "invalid_request" };
    await expect(queries.getJob({ jobId: "1 OR 1=1" })).rejects.toMatchObject(invalid);
    await expect(queries.listJobs({ limit: 501 })).rejects.toMatchObject(invalid);
    for (const cursor of [
      "",
      "x",
      Buffer.from('["a"]').toString("base64url"),
      Buffer.from("null").toString("base64url"),
    ]) {
      await expect(queries.listJobs({ cursor }), cursor).rejects.toMatchObject(invalid);
    }
  });

  it("gives the newest job of each pipeline", async () => {
    const { writer, queries, clock } = await openWithReader();
    const [app = "", site = ""] = await applyPipelines(writer, "app", "site", "empty");
    const last: string[] = [];
    for (const pipelineId of [app, site, app, app, site]) {
      clock.setTime(new Date(clock.now().getTime() + 1));
      const { id } = await jobAt(writer, pipelineId);
      last[pipelineId === app ? 0 : 1] = id;
    }
    const { pipelines } = await queries.listPipelines({});
    expect(pipelines.map(({ name, lastJob }) => [name, lastJob?.id])).toEqual([
      ["app", last[0]],
      ["empty", undefined],
      ["site", last[1]],
    ]);
  });

  it("lists the undecided triggers, oldest first, as many as asked for", async () => {
    const { writer, queries, clock } = await openWithReader();
    const ids = [newId(), newId(), newId(), newId()];
    for (const [index, id] of ids.entries()) {
      clock.setTime(new Date(clock.now().getTime() + 1));
      await writer.transaction((transaction) =>
        recordTrigger(transaction, { id, deduplicationKey: `${index}`, event: pushEvent() }),
      );
    }
    await writer.transaction((transaction) =>
      decideTrigger(transaction, { triggerId: ids[1] ?? "", jobs: [], outcome: "No pipeline wants it." }),
    );
    const list = async (limit?: number) =>
      (await queries.listUndecidedTriggers({ limit })).triggers.map((trigger) => trigger.id);
    expect(await list()).toEqual([ids[0], ids[2], ids[3]]);
    expect(await list(2)).toEqual([ids[0], ids[2]]);
  });
});

describe("listJobs", () => {
  /** 60 jobs of two pipelines, of three branches, in three statuses; some made in the same millisecond. */
  async function openWithJobs() {
    const database = await openWithReader();
    const { writer, clock } = database;
    const pipelineIds = await applyPipelines(writer, "app", "site");
    for (let index = 0; index < 60; index++) {
      if (index % 3 === 0) clock.setTime(new Date(clock.now().getTime() + 1));
      const trigger = { type: "push", branch: ["main", "dev", undefined][index % 3] } as const;
      const fields = { trigger, admit: index % 4 === 0 };
      const job = newJob(pipelineIds[index % 2] ?? "", fields);
      await writer.transaction((transaction) => createJob(transaction, job));
    }
    await jobAt(writer, pipelineIds[0] ?? "", { status: "scheduling" }, failed);
    return { ...database, pipelineIds };
  }

  async function pages(queries: Queries, request: Parameters<Queries["listJobs"]>[0], between = async () => {}) {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await queries.listJobs({ ...request, cursor });
      ids.push(...page.items.map((job) => job.id));
      cursor = page.nextCursor;
      await between();
    } while (cursor !== undefined);
    return ids;
  }

  const filters = [
    {},
    { pipelineName: "app" },
    { statuses: ["pending" as const] },
    { statuses: ["pending" as const, "failure" as const, "pending" as const] },
    { statuses: [] },
    { branch: "main" },
    { pipelineName: "site", branch: "dev" },
    { pipelineName: "app", statuses: ["scheduling" as const, "failure" as const] },
    { pipelineName: "app", branch: "main", statuses: ["pending" as const, "scheduling" as const] },
    { statuses: ["success" as const] },
  ];

  it("gives what a filter over everything would, newest first, in pages of any size", async () => {
    const { queries } = await openWithJobs();
    const all = (await queries.listJobs({ limit: 500 })).items;
    expect(all).toHaveLength(61);
    const order = all.map((job) => job.createdAt + job.id);
    expect(order).toEqual(order.toSorted().reverse());
    for (const filter of filters) {
      const { pipelineName, branch } = filter;
      const statuses: readonly string[] = filter.statuses ?? [];
      const expected = all
        .filter((job) => pipelineName === undefined || job.pipelineName === pipelineName)
        .filter((job) => branch === undefined || job.trigger.branch === branch)
        .filter((job) => statuses.length === 0 || statuses.includes(job.status))
        .map((job) => job.id);
      for (const limit of [1, 7, 500]) {
        expect(await pages(queries, { ...filter, limit }), JSON.stringify({ filter, limit })).toEqual(expected);
      }
    }
  });

  it("neither repeats nor misses a job while others are made", async () => {
    const { queries, writer, clock, pipelineIds } = await openWithJobs();
    const before = (await queries.listJobs({ limit: 500 })).items.map((job) => job.id);
    const seen = await pages(queries, { limit: 7 }, async () => {
      // In the same millisecond as the newest one, and later.
      await jobAt(writer, pipelineIds[0] ?? "");
      clock.setTime(new Date(clock.now().getTime() + 1));
      await jobAt(writer, pipelineIds[1] ?? "");
    });
    expect(seen).toEqual(before);
  });
});
