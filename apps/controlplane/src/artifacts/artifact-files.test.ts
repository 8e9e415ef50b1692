import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createArtifactFiles } from "./artifact-files.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "danube-artifacts-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

const content = Buffer.from("0123456789".repeat(100));
const bytes = {
  jobId: "job",
  artifactId: "artifact",
  sizeBytes: content.length,
  sha256: createHash("sha256").update(content).digest("hex"),
};
async function* chunks(buffer: Buffer, sizeBytes: number, cutAt = Infinity) {
  for (let at = 0; at < buffer.length; at += sizeBytes) {
    if (at >= cutAt) throw new Error("cut");
    yield buffer.subarray(at, at + sizeBytes);
  }
}
const left = () => readdir(directory, { recursive: true });

describe("createArtifactFiles", () => {
  test("a whole upload can be read again, and replaces itself when it is sent twice", async () => {
    const files = createArtifactFiles(directory);
    await files.store(bytes, chunks(content, 64));
    await files.store(bytes, chunks(content, 999));
    const read: Buffer[] = [];
    for await (const chunk of await files.read({ jobId: "job", id: "artifact" })) read.push(chunk);
    expect(Buffer.concat(read).equals(content)).toBe(true);
    expect((await left()).sort()).toEqual(["job", "job/artifact"]);
  });

  test("an upload that is cut anywhere leaves nothing", async () => {
    const files = createArtifactFiles(directory);
    for (let cutAt = 0; cutAt < content.length; cutAt += 100) {
      await expect(files.store(bytes, chunks(content, 50, cutAt))).rejects.toThrow("cut");
    }
    expect(await left()).toEqual(["job"]);
  });

  test("too few, too many or other bytes are refused and leave nothing", async () => {
    const files = createArtifactFiles(directory);
    const other = Buffer.from(content);
    other[500] = 0;
    for (const wrong of [content.subarray(1), Buffer.concat([content, content]), other, Buffer.alloc(0)]) {
      await expect(files.store(bytes, chunks(wrong, 64))).rejects.toMatchObject({ code: "digest_mismatch" });
    }
    expect(await left()).toEqual(["job"]);
  });

  test("what a killed process left is removed, whole files stay", async () => {
    const files = createArtifactFiles(directory);
    await files.store(bytes, chunks(content, 64));
    await mkdir(path.join(directory, "other"));
    await writeFile(path.join(directory, "other", ".x.abc.part"), "half");
    await writeFile(path.join(directory, "job", ".artifact.def.part"), "half");
    await files.removeUnfinished();
    expect((await left()).sort()).toEqual(["job", "job/artifact", "other"]);
    expect((await readFile(path.join(directory, "job", "artifact"))).equals(content)).toBe(true);
    await expect(files.read({ jobId: "job", id: "nothing" })).rejects.toMatchObject({ code: "not_found" });
  });
});
