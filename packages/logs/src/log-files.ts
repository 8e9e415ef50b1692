// Where the files of a log are: <directory>/<job id>.log, the bytes as the user may see them; <directory>/<job id>.idx, the index.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DanubeError, Id } from "@danube/protocol";

export interface LogLocation {
  /** Usually `<data_dir>/logs`. */
  readonly directory: string;
  readonly jobId: string;
}

/** The paths of a job's files. Throws `invalid_request` for what is not an id: nothing else may become part of a path. */
export function logPaths({ directory, jobId }: LogLocation): { log: string; index: string } {
  if (!Id.safeParse(jobId).success) throw new DanubeError("invalid_request", `"${jobId}" is not the id of a job.`);
  return { log: join(directory, `${jobId}.log`), index: join(directory, `${jobId}.idx`) };
}

/** Removes a job's log and index; nothing happens if there is none. */
export async function deleteLog(location: LogLocation): Promise<void> {
  const paths = logPaths(location);
  // The index last: bytes without an index would count as readable as a whole.
  await rm(paths.log, { force: true });
  await rm(paths.index, { force: true });
}
