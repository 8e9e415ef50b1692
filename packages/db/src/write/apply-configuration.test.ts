import { newId } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { createQueries } from "../read/queries.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { configurationOf, jobAt, openTestDatabase, pipelineDocument } from "../test-database.ts";
import { getAppliedConfiguration } from "./applied-configuration.ts";
import { applyConfiguration, type ConfigurationToApply } from "./apply-configuration.ts";
import { getPipelineOfJob } from "./pipelines.ts";
import { putSecret } from "./secrets.ts";
import type { Writer } from "./writer.ts";

const document = (kind: string, name: string, spec: object) => ({
  apiVersion: "danube.dev/v1",
  kind,
  metadata: { name },
  spec,
});
const user = (name: string, email: string) => document("User", name, { email });
const team = (name: string, members: string[], admin = false) =>
  document("Team", name, { members, global_admin: admin });

const apply = (writer: Writer, request: Omit<ConfigurationToApply, "newId">) =>
  writer.transaction((transaction) => applyConfiguration(transaction, { newId, ...request }));

function people(writer: Writer) {
  return writer.read((transaction) => ({
    users: transaction.all(sqlBuilder.selectFrom("users").select(["id", "name", "email"]).orderBy("name").compile()),
    teams: transaction.all(sqlBuilder.selectFrom("teams").select(["id", "name"]).orderBy("name").compile()),
    members: transaction
      .all(sqlBuilder.selectFrom("team_members").select("email").orderBy("email").compile())
      .map(({ email }) => email),
    permissions: transaction.all(
      sqlBuilder
        .selectFrom("pipeline_permissions as a")
        .innerJoin("teams as t", "t.id", "a.team_id")
        .select(["t.name", "a.level"])
        .orderBy("t.name")
        .compile(),
    ),
  }));
}

describe("applyConfiguration", () => {
  it("gives back exactly what was applied", async () => {
    const { writer } = await openTestDatabase();
    const configuration = configurationOf({
      config: { concurrency: { max_jobs: 7 } },
      users: [user("zoe", "zoe@example.com"), user("ada", "ada@example.com")],
      teams: [team("core", ["zoe@example.com", "ada@example.com"], true)],
      pipelines: [
        pipelineDocument("site"),
        pipelineDocument("app", { permissions: [{ team: "core", level: "write" }] }),
      ],
    });
    await apply(writer, { configuration, commitSha: "c1" });
    expect(writer.read(getAppliedConfiguration)).toEqual({ commitSha: "c1", configuration });
    const stored = await createQueries(writer).getConfiguration({});
    expect(stored.commitSha).toBe("c1");
    expect(stored.config).toEqual(configuration.config.spec);
    expect(stored.pipelines.map((pipeline) => pipeline.document)).toEqual(configuration.pipelines.toReversed());
  });

  it("archives what is gone and takes it up again with its id, numbers and secrets", async () => {
    const { writer } = await openTestDatabase();
    const both = configurationOf({ pipelines: [pipelineDocument("app"), pipelineDocument("site")] });
    await apply(writer, { configuration: both });
    const queries = createQueries(writer);
    const before = (await queries.getPipeline({ name: "app" })).pipeline;
    const pipelineId = before?.id ?? "";
    await jobAt(writer, pipelineId);
    const secret = { id: newId(), pipelineId, name: "TOKEN", keyId: "k1", ciphertext: Buffer.alloc(28) };
    await writer.transaction((transaction) => putSecret(transaction, secret));

    await apply(writer, { configuration: configurationOf({ pipelines: [pipelineDocument("site")] }) });
    expect((await queries.getPipeline({ name: "app" })).pipeline?.archivedAt).toBe("2026-01-01T00:00:00.000Z");
    expect((await queries.getConfiguration({})).pipelines.map(({ name }) => name)).toEqual(["site"]);
    expect((await queries.listPipelines({})).pipelines.map(({ name }) => name)).toEqual(["site"]);
    const all = await queries.listPipelines({ includeArchived: true });
    expect(all.pipelines.map(({ name }) => name)).toEqual(["app", "site"]);
    expect((await queries.listJobs({ pipelineName: "app" })).items).toHaveLength(1);

    await apply(writer, { configuration: both });
    expect((await queries.getPipeline({ name: "app" })).pipeline).toEqual(before);
    expect((await jobAt(writer, pipelineId)).number).toBe(2);
    expect((await queries.listSecrets({})).secrets).toMatchObject([{ name: "TOKEN", pipelineName: "app" }]);
  });

  it("leaves a job the document under which it was made", async () => {
    const { writer } = await openTestDatabase();
    const withDuration = (seconds: number) =>
      configurationOf({ pipelines: [pipelineDocument("app", { max_duration_seconds: seconds })] });
    await apply(writer, { configuration: withDuration(60) });
    const id = (await createQueries(writer).getPipeline({ name: "app" })).pipeline?.id ?? "";
    const first = await jobAt(writer, id);
    await apply(writer, { configuration: withDuration(120) });
    const second = await jobAt(writer, id);
    await apply(writer, { configuration: withDuration(120) });
    const durationOf = (jobId: string) =>
      writer.read((transaction) => getPipelineOfJob(transaction, jobId)).spec.max_duration_seconds;
    expect([durationOf(first.id), durationOf(second.id)]).toEqual([60, 120]);
    const revisions = writer.read((transaction) =>
      transaction.all(sqlBuilder.selectFrom("pipeline_revisions").select("revision").compile()),
    );
    expect(revisions, "the same document again is no new revision").toHaveLength(2);
  });

  it("makes people and permissions equal to the documents, and keeps the ids of who stays", async () => {
    const { writer } = await openTestDatabase();
    const pipelines = [
      pipelineDocument("app", {
        permissions: [
          { team: "core", level: "admin" },
          { team: "core", level: "read" },
          { team: "guests", level: "read" },
        ],
      }),
    ];
    const first = configurationOf({
      users: [user("ada", "ada@example.com"), user("bob", "bob@example.com")],
      teams: [team("core", ["ada@example.com"]), team("guests", ["bob@example.com"])],
      pipelines,
    });
    await apply(writer, { configuration: first });
    const before = people(writer);
    expect(before.permissions, "the stronger of two levels").toEqual([
      { name: "core", level: "admin" },
      { name: "guests", level: "read" },
    ]);

    const swapped = configurationOf({
      users: [user("ada", "bob@example.com"), user("bob", "ada@example.com")],
      teams: [team("core", ["bob@example.com"])],
      pipelines: [pipelineDocument("app", { permissions: [{ team: "core", level: "read" }] })],
    });
    await apply(writer, { configuration: swapped });
    const after = people(writer);
    expect(after.users).toEqual([
      { ...before.users[0], email: "bob@example.com" },
      { ...before.users[1], email: "ada@example.com" },
    ]);
    expect(after.teams).toEqual([before.teams[0]]);
    expect(after.members).toEqual(["bob@example.com"]);
    expect(after.permissions).toEqual([{ name: "core", level: "read" }]);
  });

  it("changes nothing when something in it can't be stored", async () => {
    const { writer } = await openTestDatabase();
    const good = configurationOf({ pipelines: [pipelineDocument("app")], users: [user("ada", "ada@example.com")] });
    await apply(writer, { configuration: good, commitSha: "c1" });
    const broken = configurationOf({
      pipelines: [pipelineDocument("new"), pipelineDocument("app", { permissions: [{ team: "none", level: "read" }] })],
    });
    await expect(apply(writer, { configuration: broken, commitSha: "c2" })).rejects.toMatchObject({
      code: "invalid_request",
    });
    expect(writer.read(getAppliedConfiguration)).toEqual({ commitSha: "c1", configuration: good });
    expect((await createQueries(writer).getPipeline({ name: "new" })).pipeline).toBeUndefined();
    expect(people(writer).users).toHaveLength(1);
  });

  it("refuses when another commit than the expected one is applied", async () => {
    const { writer } = await openTestDatabase();
    const configuration = configurationOf({});
    await apply(writer, { configuration, commitSha: "c1", expectedCommitSha: null });
    await expect(apply(writer, { configuration, commitSha: "c2", expectedCommitSha: null })).rejects.toMatchObject({
      code: "conflict",
    });
    await apply(writer, { configuration, commitSha: "c2", expectedCommitSha: "c1" });
    expect(writer.read(getAppliedConfiguration).commitSha).toBe("c2");
  });

  it("is a Config of defaults before anything was applied", async () => {
    const { writer } = await openTestDatabase();
    expect(writer.read(getAppliedConfiguration)).toEqual({ configuration: configurationOf({}) });
  });
});
