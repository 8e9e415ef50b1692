import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { fetchBlueprint, findBlueprintCommit } from "./fetch-blueprint.ts";
import { commitFiles, createRepository, runGit, startGitServer, temporaryDirectory } from "./git/testing.ts";

const files = {
  "config.json": "{}",
  "users.json": "[]",
  "pipelines/site.json": '{"a": 1}',
  "pipelines/README.md": "not read",
  "pipelines/old/api.json": "not read",
  "other.json": "not read",
};
const readFiles = { "config.json": "{}", "users.json": "[]", "pipelines/site.json": '{"a": 1}' };

async function fetched(url: string, options: { branch?: string; token?: string; timeoutMs?: number } = {}) {
  const directory = path.join(temporaryDirectory(), "scratch");
  const location = { url, branch: "main", directory, ...options };
  const result = await fetchBlueprint(location);
  expect(existsSync(directory)).toBe(false);
  expect(await findBlueprintCommit(location)).toBe(result.commitSha);
  const text = [...result.files].map(([name, bytes]) => [name, Buffer.from(bytes).toString("utf8")]);
  return { commitSha: result.commitSha, files: Object.fromEntries(text) as Record<string, string> };
}

test.each<[string, (repository: string) => string]>([
  ["a working tree", (repository) => repository],
  ["its .git directory", (repository) => path.join(repository, ".git")],
  ["a file: URL", (repository) => pathToFileURL(repository).href],
  [
    "a bare clone, packed",
    (repository) => {
      const bare = path.join(temporaryDirectory(), "bare.git");
      runGit(repository, "clone", "--quiet", "--bare", repository, bare);
      runGit(bare, "gc", "--quiet");
      expect(existsSync(path.join(bare, "refs/heads/main"))).toBe(false);
      return bare;
    },
  ],
  [
    "a linked worktree",
    (repository) => {
      const linked = path.join(temporaryDirectory(), "linked");
      runGit(repository, "worktree", "add", "--quiet", "-b", "other", linked);
      return linked;
    },
  ],
])("reads from %s on this disk", async (_title, locate) => {
  const repository = createRepository();
  commitFiles(repository, { "pipelines/gone.json": "{}" });
  runGit(repository, "rm", "--quiet", "pipelines/gone.json");
  const commitSha = commitFiles(repository, files);
  expect(await fetched(locate(repository))).toEqual({ commitSha, files: readFiles });
});

test("reads the branch that is asked for, and what was committed rather than what lies about", async () => {
  const repository = createRepository();
  commitFiles(repository, { "config.json": "main" });
  runGit(repository, "checkout", "--quiet", "-b", "feature/x");
  const commitSha = commitFiles(repository, { "config.json": "feature" });
  writeFileSync(path.join(repository, "config.json"), "not committed");
  expect(await fetched(repository, { branch: "feature/x" })).toEqual({
    commitSha,
    files: { "config.json": "feature" },
  });
});

test("fetches over HTTP, again and again, as the branch moves and is rewritten", async () => {
  const repository = createRepository();
  const first = commitFiles(repository, files);
  await using server = await startGitServer(path.dirname(repository));
  const url = `${server.url}/${path.basename(repository)}/.git`;
  expect(await fetched(url)).toEqual({ commitSha: first, files: readFiles });
  const second = commitFiles(repository, { "teams.json": "[]" });
  expect(await fetched(url)).toEqual({ commitSha: second, files: { ...readFiles, "teams.json": "[]" } });
  runGit(repository, "reset", "--quiet", "--hard", first);
  const third = commitFiles(repository, { "config.json": "[1]" });
  expect(await fetched(url)).toEqual({ commitSha: third, files: { ...readFiles, "config.json": "[1]" } });
});

test("gives the token when the server asks for it, and only then", async () => {
  const repository = createRepository();
  commitFiles(repository, files);
  const expected = `Basic ${Buffer.from("x-access-token:s3cret").toString("base64")}`;
  await using server = await startGitServer(path.dirname(repository), (request, response) => {
    if (request.headers.authorization === expected) return false;
    response.writeHead(401, { "www-authenticate": "Basic" }).end();
    return true;
  });
  const url = `${server.url}/${path.basename(repository)}/.git`;
  expect((await fetched(url, { token: "s3cret" })).files).toEqual(readFiles);
  expect(server.requests[0]?.authorization).toBeUndefined();
  for (const token of ["wrong", undefined])
    await expect(fetched(url, { token })).rejects.toMatchObject({
      code: "forbidden",
      message: `The server of ${url} refuses access; check the credentials, and that the repository exists.`,
    });
  await expect(fetched(url.replace("://", "://me:hunter2@"))).rejects.toThrow(
    `The server of ${url} refuses access; check the credentials, and that the repository exists.`,
  );
});

test("follows a repository that moved within its server, but not to another one", async () => {
  const repository = createRepository();
  const commitSha = commitFiles(repository, files);
  const name = path.basename(repository);
  await using server = await startGitServer(path.dirname(repository), (request, response) => {
    if (!request.url?.startsWith("/old/")) return false;
    response.writeHead(301, { location: request.url.replace("/old/", "/") }).end();
    return true;
  });
  expect((await fetched(`${server.url}/old/${name}/.git`)).commitSha).toBe(commitSha);
  await using elsewhere = await startGitServer("/", (request, response) => {
    response.writeHead(302, { location: `${server.url}${request.url}` }).end();
    return true;
  });
  await expect(fetched(`${elsewhere.url}/${name}/.git`)).rejects.toMatchObject({
    code: "forbidden",
    message: `The repository's server redirects to ${server.url}, another origin; write that address if it is the right one.`,
  });
});

test("says what a server's answer means", async () => {
  let answer: { status: number; body?: string } = { status: 500 };
  await using server = await startGitServer("/", (_request, response) => {
    response.writeHead(answer.status).end(answer.body);
    return true;
  });
  const url = `${server.url}/site.git`;
  for (const [status, body, code, message] of [
    [500, "", "unavailable", `The server of ${url} answered with status 500.`],
    [404, "", "not_found", `There is no repository at ${url} (status 404); check the address.`],
    [403, "", "forbidden", `The server of ${url} refuses access (status 403); check the credentials.`],
    [
      200,
      "<html>Welcome</html>",
      "not_found",
      `What answers at ${url} is not a Git repository; check that the address is the one to clone from.`,
    ],
  ] as const) {
    answer = { status, body };
    await expect(fetched(url)).rejects.toMatchObject({ code, message });
  }
});

test("gives a server that says nothing a while, and stops at once when it is told to", async () => {
  let asked = () => {};
  const wasAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  await using server = await startGitServer("/", () => {
    asked();
    return true;
  });
  const url = `${server.url}/site.git`;
  await expect(fetched(url, { timeoutMs: 50 })).rejects.toMatchObject({
    code: "unavailable",
    message: `The server of ${url} did not answer in time.`,
  });
  const stop = new AbortController();
  const reason = new Error("stopping");
  const fetching = fetchBlueprint({ url, branch: "main", directory: temporaryDirectory(), signal: stop.signal });
  await wasAsked;
  stop.abort(reason);
  await expect(fetching).rejects.toBe(reason);
});

test("says that a server cannot be reached, and why", async () => {
  const server = await startGitServer("/");
  await server[Symbol.asyncDispose]();
  await expect(fetched(`${server.url}/site.git`)).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(/^The server of .* cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:\d+\.$/),
  });
});

test("fetches over ssh with the programs git and ssh", async () => {
  const repository = createRepository();
  const commitSha = commitFiles(repository, files);
  const programs = temporaryDirectory();
  const calls = path.join(programs, "calls");
  // Stands for ssh and its server: notes its arguments and runs the command, the last of them, here.
  writeFileSync(
    path.join(programs, "ssh"),
    `#!/bin/sh\nprintf '%s\\n' "$@" >>'${calls}'\nenv >>'${calls}'\nfor command; do :; done\nexec sh -c "$command"\n`,
  );
  chmodSync(path.join(programs, "ssh"), 0o755);
  const before = process.env["PATH"];
  process.env["PATH"] = `${programs}:${before}`;
  process.env["DANUBE_WEBHOOKS_GITHUB_SECRET"] = "hunter2-hunter2";
  try {
    const location = {
      branch: "main",
      directory: path.join(temporaryDirectory(), "scratch"),
      sshKeyPath: "/keys/it's",
    };
    for (const url of [`ssh://git@host${repository}`, `git@host:${repository}`]) {
      expect(await findBlueprintCommit({ ...location, url })).toBe(commitSha);
      const result = await fetchBlueprint({ ...location, url });
      expect(result.commitSha).toBe(commitSha);
      expect([...result.files.keys()].toSorted()).toEqual(Object.keys(readFiles).toSorted());
      await expect(fetchBlueprint({ ...location, url, branch: "dev" })).rejects.toThrow(/^git cannot fetch /);
      await expect(findBlueprintCommit({ ...location, url, branch: "dev" })).rejects.toThrow(
        `The repository ${url} has no branch "dev"; it has "main".`,
      );
    }
    const given = readFileSync(calls, "utf8").split("\n");
    expect(given.slice(0, 9)).toEqual([
      "-o",
      "BatchMode=yes",
      "-o",
      "StrictHostKeyChecking=accept-new",
      "-o",
      "ConnectTimeout=15",
      "-o",
      "IdentitiesOnly=yes",
      "-i",
    ]);
    expect(given[9]).toBe("/keys/it's");
    expect(given).toContain("GIT_TERMINAL_PROMPT=0");
    expect(given.join("\n")).not.toContain("hunter2");
  } finally {
    process.env["PATH"] = before;
    delete process.env["DANUBE_WEBHOOKS_GITHUB_SECRET"];
  }
});

test("tells a missing branch from an empty repository, wherever it is", async () => {
  const empty = createRepository();
  const repository = createRepository("trunk");
  commitFiles(repository, files);
  await using server = await startGitServer(path.dirname(repository));
  for (const [directory, shown] of [
    [empty, "is empty: it has no branches yet."],
    [repository, 'has no branch "main"; it has "trunk".'],
  ] as const)
    for (const url of [directory, `${server.url}/${path.basename(directory)}/.git`]) {
      const expected = { code: "not_found", message: `The repository ${url} ${shown}` };
      await expect(findBlueprintCommit({ url, branch: "main", directory: "/unused" })).rejects.toMatchObject(expected);
    }
  await expect(fetched(empty)).rejects.toMatchObject({ code: "not_found" });
  await expect(fetched(`${server.url}/${path.basename(repository)}/.git`)).rejects.toMatchObject({ code: "not_found" });
});

test("refuses what is no repository, and formats that it cannot read", async () => {
  const nothing = temporaryDirectory();
  await expect(fetched(nothing)).rejects.toThrow(`There is no Git repository at ${nothing}.`);
  await expect(fetched("/does/not/exist")).rejects.toThrow("There is no Git repository at /does/not/exist.");
  const sha256 = temporaryDirectory();
  runGit(sha256, "init", "--quiet", "--object-format=sha256");
  await expect(fetched(sha256)).rejects.toThrow(
    `The Git repository at ${sha256} has SHA-256 commit ids, which cannot be read here; use a repository with Git's default formats.`,
  );
});

test.each(["ext::sh -c id", "ftp://host/a", "site", "", "-x", "git@host::x", "--upload-pack=id"])(
  "refuses the address %j",
  async (url) => {
    await expect(fetched(url)).rejects.toMatchObject({ code: "invalid_request" });
  },
);

test.each(["", "../x", "a..b", "/a", "-x", "a b", "a\n", "a/", "a.", "a/.b", "a//b", "a~1", "a:b", "a*"])(
  "refuses the branch %j",
  async (branch) => {
    await expect(fetched("/does/not/exist", { branch })).rejects.toMatchObject({
      code: "invalid_request",
      message: `${JSON.stringify(branch)} is not the name of a branch.`,
    });
  },
);

test("refuses files that are too large, too many, or links", async () => {
  const large = createRepository();
  commitFiles(large, { "config.json": "x".repeat(1_048_577) });
  await expect(fetched(large)).rejects.toMatchObject({
    code: "payload_too_large",
    message: "config.json is 1048577 bytes long; 1048576 are the most that are read.",
  });
  const many = createRepository();
  mkdirSync(path.join(many, "pipelines"));
  for (let n = 0; n <= 5_000; n++) writeFileSync(path.join(many, "pipelines", `${n}.json`), "{}");
  commitFiles(many, {});
  await expect(fetched(many)).rejects.toMatchObject({
    code: "payload_too_large",
    message: "The Blueprint has 5001 files; 5000 are the most that are read.",
  });
  const linked = createRepository();
  symlinkSync("/etc/passwd", path.join(linked, "users.json"));
  commitFiles(linked, {});
  await expect(fetched(linked)).rejects.toMatchObject({
    code: "invalid_request",
    message: "users.json is a symbolic link; put the file itself there.",
  });
});

test("says so when objects are missing", async () => {
  const repository = createRepository();
  const commitSha = commitFiles(repository, files);
  const borrowing = path.join(temporaryDirectory(), "borrowing");
  runGit(repository, "clone", "--quiet", "--shared", repository, borrowing);
  expect(readdirSync(path.join(borrowing, ".git/objects")).toSorted()).toEqual(["info", "pack"]);
  await expect(fetched(borrowing)).rejects.toMatchObject({
    code: "unavailable",
    message: `An object of commit ${commitSha} is missing in the repository; if it borrows objects from another one, give the other one's address.`,
  });
});
