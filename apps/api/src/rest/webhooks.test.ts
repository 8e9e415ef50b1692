import { createHmac, randomUUID } from "node:crypto";
import { request } from "node:http";
import { DanubeError } from "@danube/protocol";
import * as fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { githubExamples } from "../testing/github-examples.ts";
import { countStored } from "../testing/test-commands.ts";
import { githubSecret, gitlabSigningSecret, gitlabToken, startTestApi, type TestApi } from "../testing/test-api.ts";

let server: TestApi;
beforeAll(async () => {
  server = await startTestApi();
});
afterAll(() => server.stop());

const repository = { id: 7, full_name: "octo/app", clone_url: "https://github.com/octo/app.git" };
let commits = 0;
const nextSha = () => (++commits).toString(16).padStart(40, "0").replace(/^0/, "f");
const push = (after = nextSha()) => ({
  ref: "refs/heads/main",
  before: "a".repeat(40),
  after,
  forced: false,
  deleted: false,
  commits: [],
  head_commit: { id: after, message: "Fix it" },
  repository,
});
const project = { id: 15, git_http_url: "https://gitlab.example.com/group/app.git" };
const gitlabPush = (after = nextSha()) => ({
  object_kind: "push",
  ref: "refs/heads/main",
  before: "a".repeat(40),
  after,
  checkout_sha: after,
  project,
});

const sign = (body: string | Uint8Array, secret = githubSecret) =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
const postGithub = (body: string | Uint8Array<ArrayBuffer>, event = "push", headers: Record<string, string> = {}) =>
  fetch(`${server.url}/webhooks/github`, {
    method: "POST",
    body,
    headers: {
      "content-type": "application/json",
      "x-github-event": event,
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": sign(body),
      ...headers,
    },
  });
const postGitlab = (body: string, headers: Record<string, string>) =>
  fetch(`${server.url}/webhooks/gitlab`, { method: "POST", body, headers });
const answer = async (response: Response) => ({ status: response.status, ...((await response.json()) as object) });

/** What the server has stored, so that a test can see that it stored nothing. */
const stored = () => countStored(server.writer);

describe("GitHub", () => {
  test("a push becomes one durable trigger, however often and under whatever id it is delivered", async () => {
    const body = JSON.stringify(push());
    const delivery = randomUUID();
    const before = stored();
    const first = await answer(await postGithub(body, "push", { "x-github-delivery": delivery }));
    expect(first).toMatchObject({ status: "accepted", triggerId: expect.any(String) });
    const { trigger } = await server.dependencies.queries.getTrigger({
      triggerId: (first as unknown as { triggerId: string }).triggerId,
    });
    expect(trigger?.event).toMatchObject({ type: "push", branch: "main", repositoryUrls: [repository.clone_url] });
    const again = await postGithub(body, "push", { "x-github-delivery": delivery });
    expect(again.status).toBe(202);
    expect(await again.json()).toMatchObject({ status: "duplicate", triggerId: trigger?.id });
    const otherId = await Promise.all(Array.from({ length: 10 }, () => postGithub(body)));
    for (const response of otherId) {
      expect(response.status).toBe(202);
      expect(await response.json()).toMatchObject({ status: "duplicate", triggerId: trigger?.id });
    }
    expect(stored().triggers).toBe(before.triggers + 1);
  });

  test("the same delivery many times at once is one trigger", async () => {
    const body = JSON.stringify(push());
    const before = stored();
    const answers = await Promise.all(Array.from({ length: 20 }, async () => answer(await postGithub(body))));
    const ids = new Set(answers.map((one) => (one as unknown as { triggerId: string }).triggerId));
    expect(ids.size).toBe(1);
    expect(stored().triggers).toBe(before.triggers + 1);
  });

  test("the second secret is accepted too, and a hook that sends forms", async () => {
    const body = JSON.stringify(push());
    const withSecond = await postGithub(body, "push", { "x-hub-signature-256": sign(body, "the next github secret") });
    expect(withSecond.status).toBe(202);
    const form = `payload=${encodeURIComponent(JSON.stringify(push()))}`;
    const asForm = await postGithub(form, "push", { "content-type": "application/x-www-form-urlencoded" });
    expect(asForm.status).toBe(202);
  });

  test("what means nothing to us is answered 200 and says why", async () => {
    const ping = await postGithub(JSON.stringify({ zen: "…" }), "ping");
    expect(ping.status).toBe(200);
    expect(await ping.json()).toMatchObject({ status: "ignored", detail: expect.stringContaining("ping") });
    const deletion = await postGithub(JSON.stringify({ ...push("0".repeat(40)), deleted: true }));
    expect(deletion.status).toBe(200);
  });

  const body = JSON.stringify(push());
  test.each([
    ["missing", ""],
    ["wrong", sign(body, "wrong")],
    ["of another body", sign(`${body} `)],
    ["truncated", sign(body).slice(0, -2)],
    ["in upper case", sign(body).toUpperCase().replace("SHA256", "sha256")],
    ["without prefix", sign(body).slice(7)],
    ["empty after its prefix", "sha256="],
  ])("a signature that is %s: 401, and nothing is stored", async (_name, signature) => {
    const before = stored();
    const response = await postGithub(body, "push", {
      "x-hub-signature-256": signature,
      "x-hub-signature": `sha1=${createHmac("sha1", githubSecret).update(body).digest("hex")}`,
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({
      code: "unauthenticated",
      instance: expect.stringMatching(/^urn:uuid:/),
    });
    expect(stored()).toEqual(before);
  });

  test("the operator's token is not a signature", async () => {
    const response = await server.fetch("/webhooks/github", {
      method: "POST",
      body,
      headers: { "x-github-event": "push" },
    });
    expect(response.status).toBe(401);
  });

  test("a signed body that is not JSON: 400", async () => {
    for (const broken of ["", "{", "payload={}", "\u0000"]) {
      const response = await postGithub(broken);
      expect(response.status, JSON.stringify(broken)).toBe(400);
    }
  });

  test("a signature over bytes that are not UTF-8 holds for these bytes alone", async () => {
    const bytes = new Uint8Array(
      Buffer.concat([Buffer.from(JSON.stringify({ a: "" })).subarray(0, 6), Buffer.from([0xff, 0x22, 0x7d])]),
    );
    expect((await postGithub(bytes, "ping")).status).toBe(200);
    const replaced = new TextDecoder().decode(bytes);
    expect((await postGithub(replaced, "ping", { "x-hub-signature-256": sign(bytes) })).status).toBe(401);
  });

  test("more than 25 MiB: 413, whether the length is told or not, and the server lives on", async () => {
    const before = stored();
    const size = 25 * 1024 * 1024 + 1;
    // On a connection of its own: the server may close one on which it did not take everything.
    const whole = await postGithub(new Uint8Array(size), "push", { connection: "close" });
    expect(whole.status).toBe(413);
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request(`${server.url}/webhooks/github`, {
        method: "POST",
        agent: false,
        headers: { "x-github-event": "push", "x-hub-signature-256": sign("") },
      });
      sent.on("response", (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on("error", reject);
      const chunk = Buffer.alloc(1024 * 1024);
      let left = 26;
      const write = (): void => {
        while (left-- > 0) if (!sent.write(chunk)) return void sent.once("drain", write);
        sent.end();
      };
      write();
    });
    expect(status).toBe(413);
    expect(stored()).toEqual(before);
    expect((await postGithub(JSON.stringify(push()))).status).toBe(202);
  });

  test("25 MiB exactly are taken", async () => {
    const filler = "x".repeat(25 * 1024 * 1024 - '{"a":""}'.length);
    expect((await postGithub(`{"a":"${filler}"}`, "ping")).status).toBe(200);
  });

  test("a disk that is full: 503, never a yes", async () => {
    const refusing = await startTestApi({
      commands: {
        ...server.dependencies.commands,
        recordDelivery: () => Promise.reject(new DanubeError("storage_full", "The disk is full.")),
      },
    });
    try {
      const body = JSON.stringify(push());
      const response = await fetch(`${refusing.url}/webhooks/github`, {
        method: "POST",
        body,
        headers: { "x-github-event": "push", "x-hub-signature-256": sign(body) },
      });
      expect(response.status).toBe(503);
      expect(response.headers.get("retry-after")).toBe("5");
    } finally {
      await refusing.stop();
    }
  });

  test("every example of GitHub's is answered with 2xx", async () => {
    for (const { name, payload } of githubExamples()) {
      const response = await postGithub(JSON.stringify(payload), name);
      expect([200, 202], name).toContain(response.status);
      await response.arrayBuffer();
    }
  });

  test("random JSON, deep nesting and prototype keys never break it", async () => {
    const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const prototype = '{"__proto__":{"ref":"refs/heads/main"},"constructor":{"prototype":{"after":"x"}}}';
    for (const body of [deep, prototype, "null", "1e999", '"\\ud800"']) {
      const response = await postGithub(body);
      expect(response.status, body.slice(0, 50)).toBe(200);
    }
    const odd = fc.tuple(fc.constantFrom("push", "pull_request", "ping"), fc.json({ maxDepth: 5 }));
    await fc.assert(
      fc.asyncProperty(odd, async ([event, body]) => {
        expect((await postGithub(body, event)).status).toBe(200);
      }),
      { numRuns: 100 },
    );
  });
});

describe("GitLab", () => {
  const token = { "x-gitlab-token": gitlabToken };
  const signed = (body: string, at = new Date()) => ({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(gitlabSigningSecret).sign("msg_1", at, body),
  });

  test("a push with the token becomes one trigger", async () => {
    const body = JSON.stringify(gitlabPush());
    const first = await postGitlab(body, token);
    expect(first.status).toBe(202);
    const { triggerId } = (await first.json()) as { triggerId: string };
    expect(await (await postGitlab(body, token)).json()).toEqual({ status: "duplicate", triggerId });
  });

  test("two pushes of one git push, which share the event's UUID, are two triggers", async () => {
    const uuid = { ...token, "x-gitlab-event-uuid": randomUUID() };
    for (const body of [gitlabPush(), gitlabPush()]) {
      expect(await (await postGitlab(JSON.stringify(body), uuid)).json()).toMatchObject({ status: "accepted" });
    }
  });

  test("a signed push needs no token", async () => {
    const body = JSON.stringify(gitlabPush());
    expect((await postGitlab(body, signed(body))).status).toBe(202);
  });

  test.each([
    ["nothing", (_body: string) => ({})],
    ["a wrong token", () => ({ "x-gitlab-token": `${gitlabToken}x` })],
    ["a signature of another body", (body: string) => signed(`${body} `)],
    ["a signature of ten minutes ago", (body: string) => signed(body, new Date(Date.now() - 600_000))],
    ["a wrong signature beside a right token", (body: string) => ({ ...signed(`${body} `), ...token })],
  ])("%s: 401, and nothing is stored", async (_name, headers: (body: string) => Record<string, string>) => {
    const before = stored();
    const body = JSON.stringify(gitlabPush());
    expect((await postGitlab(body, headers(body))).status).toBe(401);
    expect(stored()).toEqual(before);
  });

  test("nothing authentic gets a 4xx, for which GitLab would stop the hook", async () => {
    for (const body of [
      "",
      "{",
      "[]",
      '{"object_kind":"pipeline"}',
      '{"event_name":"user_create"}',
      '{"object_kind":"push"}',
    ]) {
      const response = await postGitlab(body, token);
      expect(response.status, body).toBe(200);
      expect(await response.json()).toMatchObject({ status: "ignored" });
    }
  });
});
