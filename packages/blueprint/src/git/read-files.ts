// The files of a Blueprint, out of one commit. Whoever may push there is not trusted to be brief.
import { promises as fs } from "node:fs";
import { DanubeError } from "@danube/protocol";
import * as git from "isomorphic-git";
import { isGitError } from "./open-repository.ts";

const largestFileBytes = 1_048_576;
const mostFiles = 5_000;
const rootFiles: ReadonlySet<string> = new Set(["config.json", "users.json", "teams.json"]);

/**
 * `config.json`, `users.json`, `teams.json` and each `pipelines/<name>.json` of the commit. Throws `payload_too_large` beyond
 * 1 MiB for a file or 5,000 files, `invalid_request` for one that is a symbolic link, `unavailable` when an object is
 * missing (as it may be for a moment while Git packs the repository anew).
 */
export async function readBlueprintFiles(
  gitdir: string,
  commitSha: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, Uint8Array>> {
  const cache = {};
  const readTree = async (oid: string) => (await git.readTree({ fs, gitdir, oid, cache })).tree;
  try {
    const found: { path: string; oid: string; mode: string }[] = [];
    for (const entry of await readTree(commitSha)) {
      if (entry.path === "pipelines" && entry.type === "tree")
        for (const child of await readTree(entry.oid))
          if (child.type === "blob" && child.path.endsWith(".json"))
            found.push({ ...child, path: `pipelines/${child.path}` });
      if (entry.type === "blob" && rootFiles.has(entry.path)) found.push(entry);
    }
    if (found.length > mostFiles)
      throw new DanubeError(
        "payload_too_large",
        `The Blueprint has ${found.length} files; ${mostFiles} are the most that are read.`,
      );
    const files = new Map<string, Uint8Array>();
    for (const { path, oid, mode } of found) {
      signal?.throwIfAborted();
      if (mode === "120000")
        throw new DanubeError("invalid_request", `${path} is a symbolic link; put the file itself there.`);
      const { blob } = await git.readBlob({ fs, gitdir, oid, cache });
      if (blob.length > largestFileBytes)
        throw new DanubeError(
          "payload_too_large",
          `${path} is ${blob.length} bytes long; ${largestFileBytes} are the most that are read.`,
        );
      files.set(path, blob);
    }
    return files;
  } catch (error) {
    if (!isGitError(error, "NotFoundError")) throw error;
    throw new DanubeError(
      "unavailable",
      `An object of commit ${commitSha} is missing in the repository; if it borrows objects from another one, give the other one's address.`,
      { cause: error },
    );
  }
}
