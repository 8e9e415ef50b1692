// What a job may do with artifacts: leave its own, and fetch its own and those of the attempt before it.
import {
  createArtifact,
  findArtifact,
  findArtifactByName,
  getJob,
  type ReadTransaction,
  type Writer,
} from "@danube/db/write";
import { type Artifact, DanubeError, isFinal, type UploadArtifactRequest } from "@danube/protocol";
import type { Download } from "@danube/rpc";
import type { Committer } from "../changes/committer.ts";
import type { ArtifactFiles } from "./artifact-files.ts";

export interface JobArtifactsOptions {
  readonly writer: Pick<Writer, "read">;
  readonly committer: Committer;
  readonly files: ArtifactFiles;
  readonly maxBytes: number;
}

export interface JobArtifacts {
  /**
   * Stores an artifact: visible once it is whole and its digest matched. The same upload again gets the same answer. Rejects
   * with `conflict` when the job has another one of this name.
   */
  upload(jobId: string, request: UploadArtifactRequest, body: AsyncIterable<Buffer>): Promise<Artifact>;
  /** Rejects with `not_found` when neither the job nor the one before it has it. */
  download(jobId: string, name: string): Promise<Download<{ artifact: Artifact }>>;
}

export function createJobArtifacts({ writer, committer, files, maxBytes }: JobArtifactsOptions): JobArtifacts {
  /** The last upload of each job and artifact id that is going on. */
  const uploads = new Map<string, Promise<unknown>>();

  const store: JobArtifacts["upload"] = async (jobId, request, body) => {
    const known = writer.read((transaction) => findKnown(transaction, jobId, request));
    if (known) return known;
    await files.store({ ...request, jobId }, body);
    return await committer.commit((transaction) => {
      if (isFinal(getJob(transaction, jobId).job.status)) {
        throw new DanubeError("job_not_active", "The job ended before its artifact was whole.", { ids: { jobId } });
      }
      const { artifactId, name, fileName, kind, sizeBytes, sha256 } = request;
      return createArtifact(transaction, { id: artifactId, jobId, name, fileName, kind, sizeBytes, sha256 });
    });
  };

  return {
    async upload(jobId, request, body) {
      check(jobId, request, maxBytes);
      // One after the other: of two at once under the same id, one could put its bytes under the other's digest.
      const key = `${jobId}/${request.artifactId}`;
      const before = uploads.get(key) ?? Promise.resolve();
      const upload = before.then(() => store(jobId, request, body));
      const settled = upload.catch(() => undefined);
      uploads.set(key, settled);
      try {
        return await upload;
      } finally {
        if (uploads.get(key) === settled) uploads.delete(key);
      }
    },
    async download(jobId, name) {
      const artifact = writer.read((transaction) => findVisible(transaction, jobId, name));
      if (!artifact) throw new DanubeError("not_found", `There is no artifact "${name}".`, { ids: { jobId } });
      return { response: { artifact }, body: await files.read(artifact) };
    },
  };
}

function check(jobId: string, request: UploadArtifactRequest, maxBytes: number): void {
  const ids = { jobId, artifactId: request.artifactId };
  if (/[/\\\0]/.test(request.fileName) || request.fileName === "." || request.fileName === "..") {
    throw new DanubeError("invalid_request", "An artifact's file name must be a name and not a path.", { ids });
  }
  if (request.sizeBytes > maxBytes) {
    const message = `The artifact "${request.name}" has ${request.sizeBytes} bytes; at most ${maxBytes} are allowed.`;
    throw new DanubeError("payload_too_large", message, { ids });
  }
}

function findKnown(transaction: ReadTransaction, jobId: string, request: UploadArtifactRequest): Artifact | undefined {
  const ids = { jobId, artifactId: request.artifactId };
  const same = findArtifact(transaction, request.artifactId);
  if (same) {
    if (same.jobId === jobId && same.name === request.name && same.sha256 === request.sha256) return same;
    throw new DanubeError("idempotency_mismatch", "This artifact id was used for another artifact.", { ids });
  }
  if (findArtifactByName(transaction, { jobId, name: request.name })) {
    throw new DanubeError(
      "conflict",
      `The job has an artifact named "${request.name}" already: give it another name.`,
      {
        ids,
      },
    );
  }
  return undefined;
}

function findVisible(transaction: ReadTransaction, jobId: string, name: string): Artifact | undefined {
  const own = findArtifactByName(transaction, { jobId, name });
  if (own) return own;
  const { job } = getJob(transaction, jobId);
  if (job.parentJobId === undefined) return undefined;
  const parent = getJob(transaction, job.parentJobId).job;
  if (parent.pipelineId !== job.pipelineId) return undefined;
  // What a pull request from a fork has made is not to be trusted by anything else.
  if (parent.trigger.pullRequest?.isFork === true && job.trigger.pullRequest?.isFork !== true) return undefined;
  return findArtifactByName(transaction, { jobId: parent.id, name });
}
