import { promises as fs } from "node:fs";
import { DanubeError, isDanubeError } from "@danube/protocol";
import * as git from "isomorphic-git";
import { createGitHttpClient } from "./http-client.ts";
import { branchMissing, isGitError } from "./open-repository.ts";
import type { Remote, RemoteRequest } from "./remote.ts";

const mostBytes = 100 * 1_048_576;

/** A repository behind http or https. `token` is sent as the password, once the server asks for one. */
export function createHttpRemote(request: RemoteRequest & { readonly token?: string }): Remote {
  const { url, branch, shownUrl, signal, token } = request;
  const connection = () => ({
    http: createGitHttpClient({ signal, mostBytes }),
    url,
    // GitHub wants this name with an app's token; GitLab, Gitea and others take any.
    onAuth: () => (token === undefined ? { cancel: true } : { username: "x-access-token", password: token }),
    onAuthFailure: () => ({ cancel: true }),
  });
  const explained = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw explain(error, request);
    }
  };
  const findTip = async (): Promise<string> => {
    const ref = `refs/heads/${branch}`;
    const named = await git.listServerRefs({ ...connection(), prefix: ref });
    const tip = named.find((candidate) => candidate.ref === ref);
    if (tip) return tip.oid;
    const all = await git.listServerRefs({ ...connection(), prefix: "refs/heads/" });
    throw branchMissing(
      branch,
      shownUrl,
      all.map((candidate) => candidate.ref.replace("refs/heads/", "")),
    );
  };
  const fetchTip = async (gitdir: string): Promise<string> => {
    await findTip(); // isomorphic-git's own word for a missing branch is of no use to an operator
    await git.init({ fs, gitdir, bare: true });
    await git.addRemote({ fs, gitdir, remote: "origin", url: shownUrl });
    const remoteRef = `refs/heads/${branch}`;
    const options = { ref: branch, remoteRef, remote: "origin", singleBranch: true, depth: 1, tags: false };
    const { fetchHead } = await git.fetch({ ...connection(), fs, gitdir, ...options });
    if (fetchHead === null) throw branchMissing(branch, shownUrl, []);
    return fetchHead;
  };
  return { findTip: () => explained(findTip()), fetchTip: (gitdir) => explained(fetchTip(gitdir)) };
}

function explain(error: unknown, { shownUrl, signal }: RemoteRequest): unknown {
  if (isDanubeError(error)) return error;
  if (signal.aborted && !(signal.reason instanceof DOMException && signal.reason.name === "TimeoutError"))
    return signal.reason;
  if (signal.aborted)
    return new DanubeError("unavailable", `The server of ${shownUrl} did not answer in time.`, { cause: error });
  if (isGitError(error, "UserCanceledError"))
    return new DanubeError(
      "forbidden",
      `The server of ${shownUrl} refuses access; check the credentials, and that the repository exists.`,
    );
  if (isGitError(error, "HttpError")) {
    const status = Number(error.data["statusCode"]);
    if (status === 401 || status === 403)
      return new DanubeError(
        "forbidden",
        `The server of ${shownUrl} refuses access (status ${status}); check the credentials.`,
      );
    if (status === 404)
      return new DanubeError("not_found", `There is no repository at ${shownUrl} (status 404); check the address.`);
    return new DanubeError("unavailable", `The server of ${shownUrl} answered with status ${status}.`, {
      cause: error,
    });
  }
  if (isGitError(error, "SmartHttpError") || isGitError(error, "ParseError"))
    return new DanubeError(
      "not_found",
      `What answers at ${shownUrl} is not a Git repository; check that the address is the one to clone from.`,
      { cause: error },
    );
  if (error instanceof TypeError && error.message === "fetch failed")
    return new DanubeError("unavailable", `The server of ${shownUrl} cannot be reached: ${causeOf(error)}.`, {
      cause: error,
    });
  return new DanubeError(
    "unavailable",
    `Fetching ${shownUrl} failed: ${error instanceof Error ? error.message : String(error)}`,
    {
      cause: error,
    },
  );
}

/** What fetch hides: the system's word for it, such as `connect ECONNREFUSED 127.0.0.1:9`. */
function causeOf(error: Error): string {
  const { cause } = error;
  if (cause instanceof AggregateError && cause.errors[0] instanceof Error) return cause.errors[0].message;
  return cause instanceof Error && cause.message !== "" ? cause.message : error.message;
}
