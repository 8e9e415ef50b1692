// Artifacts over real RPC.
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { newId } from "@danube/kit";
import { describe, expect, test } from "vitest";
import { Harness } from "../testing/control-plane-harness.ts";

const content = Buffer.from("<h1>site</h1>".repeat(10_000));
const describeArtifact = (bytes: Buffer, change: { name?: string; artifactId?: string; fileName?: string } = {}) => ({
  artifactId: newId(),
  name: "site",
  fileName: "site.tar.gz",
  kind: "archive" as const,
  sizeBytes: bytes.length,
  sha256: createHash("sha256").update(bytes).digest("hex"),
  ...change,
});
const options = { deadlineMs: 2_000 };

async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("artifacts", () => {
  test("are whole or absent, found by name in their job, and uploaded twice the same", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    const { client } = coordinator;
    const request = describeArtifact(content);
    const first = await client.uploadArtifact(request, content);
    expect(await client.uploadArtifact(request, content)).toEqual(first);
    const { response, body } = await client.downloadArtifact({ name: "site" });
    expect(response.artifact).toEqual(first.artifact);
    expect((await readAll(body)).equals(content)).toBe(true);
    expect((await harness.app.queries.listArtifacts({ jobId: job.id })).artifacts).toEqual([first.artifact]);
  });

  test("that are cut, wrong, too large, or named twice are refused, and nothing of them stays", async () => {
    await using harness = await Harness.start({ config: { maxArtifactBytes: 200_000 } });
    const { job, coordinator } = await harness.startJob();
    const { client } = coordinator;
    const refused = async (request: ReturnType<typeof describeArtifact>, body: Buffer, code: string) =>
      await expect(client.uploadArtifact(request, body, options)).rejects.toMatchObject({ code });
    async function* cut() {
      yield content.subarray(0, 50_000);
      throw new Error("The runner lost its network.");
    }
    await expect(client.uploadArtifact(describeArtifact(content), cut, options)).rejects.toThrow(/lost its network/);
    const large = Buffer.alloc(200_001);
    await refused(describeArtifact(large), large, "payload_too_large");
    await refused(describeArtifact(content, { fileName: "../../etc/passwd" }), content, "invalid_request");
    await expect(
      client.uploadArtifact(describeArtifact(content), Buffer.from("other"), { deadlineMs: 300 }),
    ).rejects.toMatchObject({ code: expect.any(String) });
    expect((await harness.app.queries.listArtifacts({ jobId: job.id })).artifacts).toEqual([]);
    const left = await readdir(path.join(harness.dataDirectory, "artifacts"), { recursive: true });
    expect(left.filter((name) => name !== job.id)).toEqual([]);

    await client.uploadArtifact(describeArtifact(content), content);
    await refused(describeArtifact(content), content, "conflict");
    await expect(client.downloadArtifact({ name: "nothing" }, options)).rejects.toMatchObject({ code: "not_found" });
  });

  test("uploaded twice at once under one id keep the bytes of the one that is stored", async () => {
    await using harness = await Harness.start();
    const { coordinator } = await harness.startJob();
    const artifactId = newId();
    const gate = Promise.withResolvers<void>();
    async function* held(bytes: Buffer) {
      yield bytes.subarray(0, 1);
      await gate.promise;
      yield bytes.subarray(1);
    }
    const uploads = [content, Buffer.from("malice")].map((bytes) =>
      coordinator.client.uploadArtifact(describeArtifact(bytes, { artifactId }), () => held(bytes), options),
    );
    const settled = Promise.allSettled(uploads);
    // Both have begun when a later call is answered.
    await coordinator.client.appendLog({ offset: 0, text: "" });
    gate.resolve();
    expect((await settled).map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const { response, body } = await coordinator.client.downloadArtifact({ name: "site" });
    const digest = createHash("sha256").update(await readAll(body));
    expect(digest.digest("hex")).toBe(response.artifact.sha256);
  });

  test("of the attempt before can be fetched, those of other jobs can't", async () => {
    await using harness = await Harness.start({ pipeline: { retry: { attempts: 1 } } });
    const { job, coordinator } = await harness.startJob();
    await coordinator.client.uploadArtifact(describeArtifact(content), content);
    harness.driver.endSandbox(job.id, { reason: "evicted", message: "Gone." });
    await harness.ended(job.id);
    const [next] = (await harness.app.queries.listActiveJobs({})).jobs;
    await harness.app.commands.admitJob({ jobId: next?.id ?? "", expectedVersion: next?.version ?? 0 });
    const retry = await harness.connect(next?.id ?? "");
    await retry.attach();
    const { body } = await retry.client.downloadArtifact({ name: "site" });
    expect((await readAll(body)).equals(content)).toBe(true);

    const unrelated = (await harness.startJob()).coordinator.client;
    await expect(unrelated.downloadArtifact({ name: "site" }, options)).rejects.toMatchObject({ code: "not_found" });
  });
});
