import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { lstat, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { DanubeError } from "@danube/protocol";
import type { Artifact } from "@danube/sdk";
import { packTar, type TarSource } from "modern-tar/fs";
import type { ExecutorOptions } from "../executor.ts";
import { type FoundPaths, findPaths } from "./find-paths.ts";

/** Stores paths of the workspace as one artifact; rejects with a sentence for the pipeline's author. */
export async function uploadArtifact(
  options: ExecutorOptions,
  request: { readonly name: string; readonly paths: readonly string[] },
): Promise<Artifact> {
  const { client, workspace, temporaryDirectory, newId, signal } = options;
  const { name, paths } = request;
  const artifactId = newId();
  const found = await findPaths(workspace, paths);
  const directory = await mkdtemp(join(temporaryDirectory, "artifact-"));
  try {
    const path = found.kind === "file" ? found.path : join(directory, "archive.tar.gz");
    const fileName = found.kind === "file" ? found.fileName : `${name}.tar.gz`;
    if (found.kind === "archive") await pack(found, path);
    const { sizeBytes, sha256 } = await digestOf(path);
    const { artifact } = await client.uploadArtifact(
      { artifactId, name, fileName, kind: found.kind, sizeBytes, sha256 },
      () => readWhole(path, sizeBytes),
      { signal },
    );
    return artifact;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A fast level: artifacts are mostly stored once and seldom read, and the job waits for it. */
const gzipLevel = 3;

async function pack({ entries }: Extract<FoundPaths, { kind: "archive" }>, target: string): Promise<void> {
  const [first] = entries;
  const isWholeDirectory = entries.length === 1 && first?.name === "";
  const source = isWholeDirectory ? packTar(first.path) : packTar(await Promise.all(entries.map(toTarSource)));
  await pipeline(source, createGzip({ level: gzipLevel }), createWriteStream(target, { mode: 0o600 }));
}

async function toTarSource({ path, name }: { path: string; name: string }): Promise<TarSource> {
  const stats = await lstat(path);
  return { type: stats.isDirectory() ? "directory" : "file", source: path, target: name };
}

async function digestOf(path: string): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    sizeBytes += chunk.length;
  }
  return { sizeBytes, sha256: hash.digest("hex") };
}

/** Not more than was digested, should the file be growing. */
async function* readWhole(path: string, sizeBytes: number): AsyncGenerator<Buffer> {
  if (sizeBytes === 0) return;
  let readBytes = 0;
  const stream = createReadStream(path, { highWaterMark: 262_144, end: sizeBytes - 1 });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    readBytes += chunk.length;
    yield chunk;
  }
  if (readBytes !== sizeBytes)
    throw new DanubeError("invalid_request", `${path} has become shorter while it was sent.`);
}
