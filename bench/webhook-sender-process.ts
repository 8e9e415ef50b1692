// The sending side of P7: signs everything beforehand, then sends as fast as 64 connections take it.
import { createHash, createHmac, randomUUID } from "node:crypto";
import autocannon from "autocannon";
import { webhookSecret } from "@danube/e2e/harness";

const [target, repositoryUrl, count] = process.argv.slice(2) as [string, string, string];
const total = Number(count);
const requests = Array.from({ length: total }, (_, index) => {
  const sha = createHash("sha1").update(`${index}`).digest("hex");
  const body = JSON.stringify({
    ref: "refs/heads/main",
    before: "0".repeat(40),
    after: sha,
    repository: { id: 1, name: "noop", full_name: "example/noop", clone_url: repositoryUrl, default_branch: "main" },
    pusher: { name: "ada" },
    sender: { login: "ada", id: 1 },
    head_commit: { id: sha, message: "change", author: { name: "Ada", email: "ada@example.com" } },
    commits: [{ id: sha, message: "change", added: [], modified: ["README.md"], removed: [] }],
  });
  const headers = {
    "content-type": "application/json",
    "x-github-event": "push",
    "x-github-delivery": randomUUID(),
    "x-hub-signature-256": `sha256=${createHmac("sha256", webhookSecret).update(body).digest("hex")}`,
  };
  return { body, headers };
});

let next = 0;
let accepted = 0;
let answered = 0;
let lastAnswerMs = 0;
const startMs = performance.now();
const done = Promise.withResolvers<void>();
const running = autocannon(
  {
    url: target,
    connections: 64,
    amount: total,
    requests: [
      {
        method: "POST",
        setupRequest: (request) => {
          const prepared = requests[next++ % total];
          return { ...request, body: prepared?.body, headers: { ...request.headers, ...prepared?.headers } };
        },
      },
    ],
  },
  () => done.resolve(),
);
// Its own duration is told in whole seconds.
running.on("response", (_client, statusCode) => {
  answered += 1;
  if (statusCode === 202) accepted += 1;
  lastAnswerMs = performance.now();
});
await done.promise;
process.send?.({ perSecond: answered / ((lastAnswerMs - startMs) / 1_000), other: total - accepted });
process.disconnect?.();
