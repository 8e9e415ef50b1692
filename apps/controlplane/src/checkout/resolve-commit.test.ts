import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ResolveCommitRequest, resolveCommit } from "./resolve-commit.ts";

let directory: string;
let repository: string;
const git = (...args: string[]) =>
  execFileSync("git", args, {
    cwd: repository,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      ...process.env,
      GIT_AUTHOR_NAME: "a",
      GIT_AUTHOR_EMAIL: "a@b",
      GIT_COMMITTER_NAME: "a",
      GIT_COMMITTER_EMAIL: "a@b",
    },
  }).trim();

beforeAll(() => {
  directory = mkdtempSync(path.join(tmpdir(), "danube-git-"));
  repository = path.join(directory, "repository");
  execFileSync("git", ["init", "-q", "-b", "main", repository]);
  git("commit", "-q", "--allow-empty", "-m", "one");
  git("tag", "-a", "v1", "-m", "first");
  git("commit", "-q", "--allow-empty", "-m", "two");
  git("branch", "feature/x");
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const ask = (change: Partial<ResolveCommitRequest>) =>
  resolveCommit({
    url: repository,
    allowLocal: true,
    environment: process.env,
    timeoutMs: 10_000,
    signal: new AbortController().signal,
    ...change,
  });

describe("resolveCommit", () => {
  test("finds branches, the default branch with its name, and the commit behind an annotated tag", async () => {
    const head = git("rev-parse", "HEAD");
    expect(await ask({ ref: "refs/heads/feature/x" })).toEqual({
      type: "found",
      commitSha: head,
      ref: "refs/heads/feature/x",
    });
    expect(await ask({})).toEqual({ type: "found", commitSha: head, ref: "refs/heads/main" });
    expect(await ask({ ref: "refs/tags/v1" })).toMatchObject({ commitSha: git("rev-parse", "v1^{commit}") });
  });

  test("says which ref is missing, and takes no pattern and no option for a ref", async () => {
    expect(await ask({ ref: "refs/heads/nope" })).toEqual({
      type: "missing",
      message: 'The repository has no ref "refs/heads/nope".',
    });
    for (const ref of ["refs/heads/*", "heads/main", "--upload-pack=touch /tmp/x", "-h"]) {
      expect(await ask({ ref })).toMatchObject({ type: "missing" });
    }
  });

  test("refuses transports that run commands, options as URL, and local paths where they are not allowed", async () => {
    for (const url of ["ext::sh -c 'exit 0'", "--upload-pack=true", "-x", path.join(directory, "nothing")]) {
      await expect(ask({ url })).rejects.toMatchObject({ code: "unavailable" });
    }
    await expect(ask({ allowLocal: false })).rejects.toThrow(/not allowed/);
    await expect(ask({ url: `file://${repository}`, allowLocal: false })).rejects.toThrow(/not allowed/);
  });

  test("sends credentials to the URL's own origin alone, and gives up in time on a silent server", async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere = createServer((request, response) => {
      seen.push(`elsewhere ${request.headers.authorization}`);
      response.end();
    }).listen(0);
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      if (request.url?.startsWith("/silent")) return;
      response.writeHead(302, { location: `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/r` }).end();
    }).listen(0);
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      await expect(ask({ url: `${url}/moved`, authorization: "Basic abc" })).rejects.toMatchObject({
        code: "unavailable",
      });
      expect(seen).toEqual(["Basic abc"]);
      await expect(ask({ url: `${url}/silent`, timeoutMs: 300 })).rejects.toThrow(/did not answer within 0.3 s/);
    } finally {
      for (const one of [server, elsewhere]) {
        one.closeAllConnections();
        one.close();
      }
    }
  });

  test("an error never shows the credentials in a URL", async () => {
    await expect(ask({ url: "http://user:hunter2@127.0.0.1:1/x" })).rejects.not.toThrow(/hunter2/);
  });
});
