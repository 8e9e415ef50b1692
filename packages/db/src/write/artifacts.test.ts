import { newId } from "@danube/kit";
import type { Artifact } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import { createQueries } from "../read/queries.ts";
import { applyPipelines, jobAt, openTestDatabase } from "../test-database.ts";
import { createArtifact, deleteArtifact, findArtifactByName, listOldArtifacts } from "./artifacts.ts";

async function openWithJob() {
  const { writer, clock } = await openTestDatabase();
  const [pipelineId = ""] = await applyPipelines(writer, "app");
  const jobId = (await jobAt(writer, pipelineId)).id;
  const create = (artifact: Omit<Artifact, "createdAt">) =>
    writer.transaction((transaction) => createArtifact(transaction, artifact));
  const newArtifact = (fields: Partial<Artifact> = {}): Omit<Artifact, "createdAt"> => ({
    id: newId(),
    jobId,
    name: "site",
    fileName: "site.tar.gz",
    kind: "archive",
    sizeBytes: 1_000_000_000_000,
    sha256: "ab".repeat(32),
    ...fields,
  });
  return { writer, clock, jobId, create, newArtifact };
}

describe("artifacts", () => {
  it("appear once, however often they are made", async () => {
    const { writer, jobId, create, newArtifact } = await openWithJob();
    const artifact = newArtifact();
    const made = await create(artifact);
    expect(made).toEqual({ ...artifact, createdAt: "2026-01-01T00:00:00.000Z" });
    expect(await create(artifact)).toEqual(made);
    const queries = createQueries(writer);
    expect(await queries.listArtifacts({ jobId })).toEqual({ artifacts: [made] });
    expect(await queries.getArtifact({ artifactId: made.id })).toEqual({ artifact: made });
    expect(writer.read((transaction) => findArtifactByName(transaction, { jobId, name: "site" }))).toEqual(made);
  });

  it("are refused as something else under the same id or name", async () => {
    const { create, newArtifact } = await openWithJob();
    const artifact = newArtifact();
    await create(artifact);
    await expect(create({ ...artifact, sha256: "cd".repeat(32) })).rejects.toMatchObject({
      code: "idempotency_mismatch",
    });
    await expect(create(newArtifact())).rejects.toMatchObject({ code: "conflict" });
  });

  it("go by retention, oldest first", async () => {
    const { writer, clock, create, newArtifact } = await openWithJob();
    const first = await create(newArtifact({ name: "a" }));
    clock.setTime("2026-01-10T00:00:00.000Z");
    await create(newArtifact({ name: "b" }));
    const list = () =>
      writer.read((transaction) =>
        listOldArtifacts(transaction, { createdBefore: "2026-01-05T00:00:00.000Z", limit: 10 }),
      );
    expect(list()).toEqual([first]);
    expect(await writer.transaction((transaction) => deleteArtifact(transaction, first.id))).toBe(true);
    expect(await writer.transaction((transaction) => deleteArtifact(transaction, first.id))).toBe(false);
    expect(list()).toEqual([]);
  });
});
