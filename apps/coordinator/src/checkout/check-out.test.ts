import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createTestRepository,
  serveRepository,
  type TestGitServer,
  type TestRepository,
} from "../testing/test-repository.ts";
import { type CheckOutOptions, checkOut } from "./check-out.ts";
import { CheckoutError } from "./checkout-error.ts";

let repository: TestRepository;
let root: string;
let workspace: string;
const servers: TestGitServer[] = [];

beforeEach(() => {
  repository = createTestRepository();
  root = realpathSync(mkdtempSync(join(tmpdir(), "danube-checkout-")));
  workspace = join(root, "workspace");
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  repository.remove();
  rmSync(root, { recursive: true, force: true });
});

const serve = async (...words: Parameters<typeof serveRepository>): Promise<TestGitServer> => {
  const server = await serveRepository(...words);
  servers.push(server);
  return server;
};

function check(options: Partial<CheckOutOptions> & { commitSha: string }): Promise<void> {
  return checkOut({
    url: repository.path,
    workspace,
    environment: { PATH: process.env["PATH"], HOME: root },
    signal: new AbortController().signal,
    retryDelaysMs: [],
    ...options,
  });
}

async function failureOf(work: Promise<void>): Promise<CheckoutError> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(CheckoutError);
  return error as CheckoutError;
}

const head = () => readFileSync(join(workspace, ".git/HEAD"), "utf8").trim();
const text = (name: string) => readFileSync(join(workspace, name), "utf8");

describe("checkOut", () => {
  it.each(["a path", "file:", "http:", "http: of an old server"])(
    "brings an older commit exactly, from %s",
    async (kind) => {
      const commitSha = repository.commit({ a: "1", "bin/run*": "#!/bin/sh", link: "-> a" });
      repository.commit({ a: "2", b: "new" });
      const url =
        kind === "a path"
          ? repository.path
          : kind === "file:"
            ? `file://${repository.path}`
            : (await serve(repository, { isOld: kind !== "http:" })).url;
      await check({ url, commitSha, ref: "refs/heads/main" });
      expect([head(), text("a"), readlinkSync(join(workspace, "link"))]).toEqual([commitSha, "1", "a"]);
      expect(statSync(join(workspace, "bin/run")).mode & 0o111).toBe(0o111);
      expect(readdirSync(workspace).sort()).toEqual([".git", "a", "bin", "link"]);
    },
  );

  it("leaves a repository that git takes for its own, without history, credentials or changes", async () => {
    repository.commit({ a: "1" });
    const commitSha = repository.commit({ a: "2" });
    const { url } = await serve(repository);
    await check({ url: url.replace("://", "://user:secret@"), commitSha });
    const inWorkspace = (...words: string[]) => repository.git("-C", workspace, ...words);
    expect(inWorkspace("rev-list", "--all", "HEAD")).toBe(commitSha);
    expect(inWorkspace("status", "--porcelain")).toBe("");
    expect(inWorkspace("remote", "get-url", "origin")).toBe(url);
    expect(inWorkspace("fsck", "--strict")).toBe("");
    inWorkspace("fetch", "--quiet", "--unshallow", repository.path, commitSha);
    expect(inWorkspace("rev-list", "--count", "HEAD")).toBe("2");
  });

  it("brings a commit of a repository with SHA-256 ids", async () => {
    repository.remove();
    repository = createTestRepository({ objectFormat: "sha256" });
    const commitSha = repository.commit({ a: "1" });
    await check({ commitSha });
    expect([head(), text("a")]).toEqual([commitSha, "1"]);
  });

  it("finds a commit of an old server without its ref, and behind an odd one", async () => {
    const commitSha = repository.commit({ a: "1" });
    repository.git("branch", "x-$(touch${IFS}pwned)'é");
    repository.commit({ a: "2" });
    const { url } = await serve(repository, { isOld: true });
    await check({ url, commitSha, ref: "refs/heads/x-$(touch${IFS}pwned)'é" });
    expect(head()).toBe(commitSha);
    rmSync(workspace, { recursive: true });
    await check({ url, commitSha, ref: "refs/heads/-x:y" });
    expect(head()).toBe(commitSha);
    expect(existsSync(join(workspace, "pwned"))).toBe(false);
  });

  it("does not fetch submodules", async () => {
    const inner = createTestRepository();
    try {
      inner.commit({ file: "" });
      repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.path, "inner");
      await check({ commitSha: repository.commit({ a: "1" }) });
      expect(readdirSync(join(workspace, "inner"))).toEqual([]);
    } finally {
      inner.remove();
    }
  });

  it("heeds nobody's configuration: no filter, no hook, no other URL", async () => {
    const mark = join(root, "mark");
    writeFileSync(
      join(root, ".gitconfig"),
      `[filter "evil"]\n\tsmudge = touch ${mark}; cat\n[core]\n\thooksPath = ${root}/hooks\n[url "/nowhere/"]\n\tinsteadOf = ${repository.path}\n`,
    );
    const commitSha = repository.commit({ a: "1", ".gitattributes": "* filter=evil\n" });
    await check({ commitSha });
    expect([text("a"), existsSync(mark)]).toEqual(["1", false]);
  });

  it("sends the authorization to the repository's origin, and writes it nowhere", async () => {
    const commitSha = repository.commit({ a: "1" });
    const server = await serve(repository);
    await check({ url: server.url, commitSha, authorization: "Basic c2VjcmV0" });
    expect(new Set(server.requests.map((request) => request.authorization))).toEqual(new Set(["Basic c2VjcmV0"]));
    expect(text(".git/config")).not.toContain("c2VjcmV0");
  });

  it("does not follow a redirection with it", async () => {
    const commitSha = repository.commit({ a: "1" });
    const other = await serve(repository);
    const server = await serve(repository, {
      answer: (request, response) => {
        response.writeHead(302, { location: `${other.url}${request.url?.replace("/repository.git", "")}` }).end();
        return true;
      },
    });
    await failureOf(check({ url: server.url, commitSha, authorization: "Basic c2VjcmV0" }));
    expect(other.requests).toEqual([]);
  });
});

describe("a checkout that fails", () => {
  it.each([
    ["a helper of git", "ext::sh -c touch% pwned", /transport 'ext' not allowed/],
    ["an option", "--upload-pack=touch pwned", /is not the URL of a repository/],
    ["a missing directory", "/nonexistent/repository", /could not be fetched: .*'\/nonexistent\/repository'/],
    ["a host's missing directory behind another protocol", "fd::17/foo", /not allowed/],
  ])("refuses %s", async (_what, url, message) => {
    const error = await failureOf(check({ url, commitSha: repository.commit({}) }));
    expect(error.message).toMatch(message);
    expect(error.isTransient).toBe(false);
    expect(existsSync(join(workspace, "pwned"))).toBe(false);
  });

  it.each([
    ["a path", false],
    ["an old server", true],
  ])("says that the commit is not there, at %s", async (_what, isOld) => {
    repository.commit({ a: "1" });
    const url = isOld ? (await serve(repository, { isOld })).url : repository.path;
    const commitSha = "0123456789012345678901234567890123456789";
    const error = await failureOf(check({ url, commitSha, ref: "refs/heads/main" }));
    expect(error.message).toBe(`The commit ${commitSha} is not on refs/heads/main of ${url} (any more).`);
  });

  it("tells a refusal of the credentials, without them", async () => {
    const server = await serve(repository, {
      answer: (_request, response) => {
        response.writeHead(401, { "www-authenticate": "Basic" }).end();
        return true;
      },
    });
    const url = server.url.replace("://", "://user:secret@");
    const error = await failureOf(check({ url, commitSha: repository.commit({}) }));
    expect([error.isTransient, error.message.includes("secret")]).toEqual([false, false]);
    expect(error.message).toContain("Authentication failed");
  });

  it.each([
    ["cannot be reached", undefined],
    ["answers with 503", 503],
  ])("is worth another try when the server %s", async (_what, status) => {
    const server = await serve(repository, {
      answer: (_request, response) => {
        response.writeHead(status ?? 200).end();
        return true;
      },
    });
    if (status === undefined) await server.close();
    const error = await failureOf(check({ url: server.url, commitSha: repository.commit({}) }));
    expect([error.message, error.isTransient]).toEqual([expect.stringContaining("could not be fetched"), true]);
  });

  it("tries again, and succeeds once the server is back", async () => {
    let failures = 2;
    const commitSha = repository.commit({ a: "1" });
    const server = await serve(repository, {
      answer: (_request, response) => {
        if (failures-- <= 0) return false;
        response.writeHead(502).end();
        return true;
      },
    });
    await check({ url: server.url, commitSha, retryDelaysMs: [1, 1] });
    expect(head()).toBe(commitSha);
  });

  it("stops at once when it is aborted", async () => {
    const controller = new AbortController();
    const server = await serve(repository, {
      answer: () => {
        controller.abort(new Error("cancelled"));
        return true;
      },
    });
    await expect(
      check({ url: server.url, commitSha: repository.commit({}), signal: controller.signal }),
    ).rejects.toThrow("cancelled");
  });

  it.each(["Basic a\nX: y", "Basic \0"])("refuses an authorization that is no header: %j", async (authorization) => {
    const server = await serve(repository);
    const error = await failureOf(check({ url: server.url, commitSha: repository.commit({}), authorization }));
    expect([error.message, server.requests]).toEqual(["The authorization is not a header's value.", []]);
  });
});
