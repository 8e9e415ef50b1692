// Signed deliveries, as the forges send them.
import { createHmac, randomUUID } from "node:crypto";
import type { GitRepository } from "./git-repository.ts";

export interface Delivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** GitHub's `push` delivery for `branch` of a repository. Source: GitHub docs, "Webhook events and payloads". */
export function githubPush(
  repository: GitRepository,
  secret: string,
  options: { readonly branch?: string; readonly sha?: string; readonly before?: string } = {},
): Delivery {
  const branch = options.branch ?? "main";
  const sha = options.sha ?? repository.git("rev-parse", `refs/heads/${branch}`);
  const message = repository.git("log", "-1", "--format=%s", sha);
  const name = repository.url.replace(/^.*\//, "").replace(/\.git$/, "");
  return signGithub("push", secret, {
    ref: `refs/heads/${branch}`,
    before: options.before ?? "0".repeat(40),
    after: sha,
    created: false,
    deleted: false,
    forced: false,
    repository: {
      id: 1,
      name,
      full_name: `example/${name}`,
      clone_url: repository.url,
      html_url: repository.url,
      default_branch: "main",
    },
    pusher: { name: "ada", email: "ada@example.com" },
    sender: { login: "ada", id: 1 },
    head_commit: { id: sha, message, author: { name: "Ada", email: "ada@example.com" } },
    commits: [{ id: sha, message, added: [], modified: [], removed: [] }],
  });
}

/** Any GitHub event with a valid signature. */
export function signGithub(event: string, secret: string, payload: object): Delivery {
  const body = JSON.stringify(payload);
  return {
    body,
    headers: {
      "content-type": "application/json",
      "user-agent": "GitHub-Hookshot/0000000",
      "x-github-event": event,
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
    },
  };
}

/** Delivers over HTTP; resolves to the status and the parsed answer. */
export async function deliver(
  url: string,
  delivery: Delivery,
  path = "/webhooks/github",
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}${path}`, { method: "POST", headers: delivery.headers, body: delivery.body });
  return { status: response.status, body: await response.json().catch(() => undefined) };
}
