// Where the files of a log are: <directory>/<job id>.log, the bytes; <directory>/<job id>.idx, the index.

/** Removes a job's log and index; nothing happens if there is none. */
export async function deleteLog(_options: { readonly directory: string; readonly jobId: string }): Promise<void> {
  throw new Error("not yet");
}
