// Where artifacts lie: `<data_dir>/artifacts/<job id>/<artifact id>`. A file has that name only when it is whole, matches
// its digest and is on the disk; before that it is a `.part` file, which nobody reads and a restart removes.
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { DanubeError } from "@danube/protocol";

export interface ArtifactBytes {
  readonly jobId: string;
  readonly artifactId: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface ArtifactFiles {
  /**
   * Stores `body` under its name. Rejects with `digest_mismatch` when size or digest are not as announced, with
   * `storage_full` when there is no room, and with what `body` throws; then nothing is left of it.
   */
  store(bytes: ArtifactBytes, body: AsyncIterable<Uint8Array>): Promise<void>;
  /** The bytes, in chunks. Rejects with `not_found` when the file is gone. */
  read(artifact: { readonly jobId: string; readonly id: string }): Promise<AsyncIterable<Buffer>>;
  /** Removes what interrupted uploads have left. Only while none is going on. */
  removeUnfinished(): Promise<void>;
}

const unfinished = /^\..+\.part$/;

export function createArtifactFiles(directory: string): ArtifactFiles {
  const directoryOf = (jobId: string) => path.join(directory, jobId);
  return {
    async store(bytes, body) {
      const target = directoryOf(bytes.jobId);
      const temporary = path.join(target, `.${bytes.artifactId}.${randomBytes(6).toString("hex")}.part`);
      try {
        await mkdir(target, { recursive: true });
        const handle = await open(temporary, "wx", 0o640);
        try {
          await copy(bytes, body, handle);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(temporary, path.join(target, bytes.artifactId));
        await syncDirectory(target);
      } catch (error) {
        await rm(temporary, { force: true });
        throw asStorageError(error, bytes);
      }
    },
    async read({ jobId, id }) {
      const handle = await open(path.join(directoryOf(jobId), id), "r").catch((cause: unknown) => {
        throw new DanubeError("not_found", "The artifact's file is gone.", { ids: { artifactId: id, jobId }, cause });
      });
      return createReadStream("", { fd: handle, highWaterMark: 262_144 }) as AsyncIterable<Buffer>;
    },
    async removeUnfinished() {
      const jobs = await readdir(directory, { withFileTypes: true }).catch(() => []);
      for (const job of jobs) {
        if (!job.isDirectory()) continue;
        for (const name of await readdir(directoryOf(job.name))) {
          if (unfinished.test(name)) await rm(path.join(directoryOf(job.name), name), { force: true });
        }
      }
    },
  };
}

async function copy(bytes: ArtifactBytes, body: AsyncIterable<Uint8Array>, handle: FileHandle): Promise<void> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > bytes.sizeBytes) break;
    hash.update(chunk);
    for (let written = 0; written < chunk.length; ) {
      written += (await handle.write(chunk, written)).bytesWritten;
    }
  }
  const digest = hash.digest("hex");
  if (size === bytes.sizeBytes && digest === bytes.sha256) return;
  const found = size > bytes.sizeBytes ? "more bytes" : `${size} bytes with SHA-256 ${digest}`;
  throw new DanubeError(
    "digest_mismatch",
    `The artifact was announced as ${bytes.sizeBytes} bytes with SHA-256 ${bytes.sha256}, but ${found} arrived.`,
    { ids: { artifactId: bytes.artifactId, jobId: bytes.jobId } },
  );
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function asStorageError(error: unknown, bytes: ArtifactBytes): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new DanubeError("storage_full", "The server's disk is full: the artifact could not be stored.", {
    ids: { artifactId: bytes.artifactId, jobId: bytes.jobId },
    cause: error,
  });
}
