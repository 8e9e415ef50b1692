import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { DanubeError, isDanubeError } from "@danube/protocol";
import type { Artifact } from "@danube/sdk";
import { unpackTar } from "modern-tar/fs";
import type { ExecutorOptions } from "../executor.ts";

const tries = 5;

/** Fetches an artifact into a directory of the workspace. Only what arrived whole and with the right digest is put there. */
export async function downloadArtifact(
  options: ExecutorOptions,
  request: { readonly name: string; readonly to: string },
): Promise<Artifact> {
  const { workspace, temporaryDirectory } = options;
  const directory = await mkdtemp(join(temporaryDirectory, "artifact-"));
  try {
    const received = join(directory, "received");
    const { kind, ...artifact } = await receiveWithRetries(options, request.name, received);
    const target = resolve(workspace, request.to);
    await mkdir(target, { recursive: true });
    if (kind === "archive") await pipeline(createReadStream(received), createGunzip(), unpackTar(target));
    else await moveFile(received, join(target, basename(artifact.fileName)));
    return artifact;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function receiveWithRetries(options: ExecutorOptions, name: string, path: string) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await receive(options, name, path);
    } catch (error) {
      if (attempt === tries || !(isDanubeError(error) && error.retryable)) throw error;
    }
  }
}

async function receive({ client, signal }: ExecutorOptions, name: string, path: string) {
  const { response, body } = await client.downloadArtifact({ name }, { signal });
  const { artifact } = response;
  const hash = createHash("sha256");
  await pipeline(
    body,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path),
  );
  if (hash.digest("hex") !== artifact.sha256)
    throw new DanubeError("digest_mismatch", `The artifact "${name}" did not arrive as it was stored.`);
  const { id, fileName, kind, sizeBytes, sha256 } = artifact;
  return { id, name, fileName, kind, sizeBytes, sha256 };
}

async function moveFile(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // The workspace may be another file system.
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
    await copyFile(from, `${to}.danube-part`);
    await rename(`${to}.danube-part`, to);
  }
}
