import { WebhookResponseBody } from "@danube/protocol";
import { guarded, jsonAnswer } from "../http/router.ts";
import { createGithubForge } from "../webhooks/github-forge.ts";
import { createGitlabForge } from "../webhooks/gitlab-forge.ts";
import { receiveWebhook } from "../webhooks/receive-webhook.ts";
import type { RouteContext } from "./route-context.ts";

export function addWebhookRoutes({ router, guard, dependencies }: RouteContext): void {
  const { webhookSecrets, clock } = dependencies;
  for (const forge of [createGithubForge(webhookSecrets.github), createGitlabForge(webhookSecrets, clock)]) {
    router.openapi(
      guarded(guard, {
        method: "post",
        path: `/webhooks/${forge.forge}`,
        summary: `Receive a delivery of ${forge.forge === "github" ? "GitHub" : "GitLab"}`,
        responses: {
          200: jsonAnswer(WebhookResponseBody, "Authentic and of no interest"),
          202: jsonAnswer(WebhookResponseBody, "Durable, now or before"),
        },
      }),
      async (c) => {
        const { status, body } = await receiveWebhook(forge, c.env.incoming, dependencies);
        return status === 200 ? c.json(body, 200) : c.json(body, 202);
      },
    );
  }
}
