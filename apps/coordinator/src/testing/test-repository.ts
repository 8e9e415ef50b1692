// Real Git repositories in temporary directories, and a server that gives them out over HTTP as git's own does.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface TestRepository {
  readonly path: string;
  git(...words: string[]): string;
  /** Writes files, commits everything and returns the commit's id. `*` marks executables, `-> ` symbolic links. */
  commit(files: Readonly<Record<string, string>>): string;
  remove(): void;
}

export function createTestRepository(options: { readonly objectFormat?: "sha1" | "sha256" } = {}): TestRepository {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "danube-repository-")));
  const env = {
    PATH: process.env["PATH"],
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@example.com",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@example.com",
  };
  const git = (...words: string[]): string =>
    execFileSync("git", words, { cwd: path, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  git("init", "--quiet", "--initial-branch=main", `--object-format=${options.objectFormat ?? "sha1"}`);
  return {
    path,
    git,
    commit(files) {
      for (const [name, text] of Object.entries(files)) {
        const file = join(path, name.replace(/\*$/, ""));
        mkdirSync(dirname(file), { recursive: true });
        if (text.startsWith("-> ")) symlinkSync(text.slice(3), file);
        else writeFileSync(file, text);
        if (name.endsWith("*")) chmodSync(file, 0o755);
      }
      git("add", "--all");
      git("commit", "--quiet", "--allow-empty", "--message", "a commit");
      return git("rev-parse", "HEAD");
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export interface TestGitServer {
  readonly url: string;
  readonly requests: readonly { readonly path: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

/** Serves one repository. `answer` may take a request over by returning true. */
export async function serveRepository(
  repository: TestRepository,
  options: {
    /** Speaks the protocol's first version only, in which a commit that is no branch's newest is refused. */
    readonly isOld?: boolean;
    readonly answer?: (request: IncomingMessage, response: ServerResponse) => boolean;
  } = {},
): Promise<TestGitServer> {
  const requests: { path: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    requests.push({ path: request.url ?? "", authorization: request.headers.authorization });
    if (options.answer?.(request, response)) return;
    answerByGit(repository.path, request, response, options.isOld ?? false);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/repository.git`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Source: git-http-backend(1) and RFC 3875. */
function answerByGit(path: string, request: IncomingMessage, response: ServerResponse, isOld: boolean): void {
  const url = new URL(request.url ?? "/", "http://localhost");
  const backend = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env["PATH"],
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_PROJECT_ROOT: path,
      GIT_HTTP_EXPORT_ALL: "1",
      PATH_INFO: url.pathname.replace("/repository.git", "/.git"),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      ...(isOld ? {} : { GIT_PROTOCOL: String(request.headers["git-protocol"] ?? "") }),
    },
    stdio: ["pipe", "pipe", "ignore"],
  });
  request.pipe(backend.stdin);
  backend.stdin.on("error", () => undefined);
  let head: Buffer | undefined = Buffer.alloc(0);
  backend.stdout.on("data", (chunk: Buffer) => {
    head = head && Buffer.concat([head, chunk]);
    const end = head?.indexOf("\r\n\r\n") ?? -1;
    if (head === undefined) response.write(chunk);
    if (head === undefined || end === -1) return;
    for (const line of head.subarray(0, end).toString("latin1").split("\r\n")) {
      const [name = "", value = ""] = line.split(/: (.*)/s);
      if (name === "Status") response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.write(head.subarray(end + 4));
    head = undefined;
  });
  backend.stdout.on("end", () => response.end());
}
