import type { IncomingHttpHeaders } from "node:http";
import type { Clock } from "@danube/kit";
import type { WebhookSecrets } from "../dependencies.ts";
import { readGitlabEvent } from "./gitlab-event.ts";
import { headerOf } from "./header.ts";
import { ignored } from "./reading.ts";
import type { WebhookForge } from "./receive-webhook.ts";
import { isGitlabToken, isStandardWebhook } from "./signature.ts";

/**
 * GitLab's deliveries: signed with a signing token, or with a secret token in a header. A delivery that carries a signature
 * is judged by it alone, if there are signing tokens at all.
 *
 * GitLab stops calling a hook for good that answers 4xx a few times. So nothing authentic gets one, not even a body that is
 * not JSON.
 */
export function createGitlabForge(
  secrets: Pick<WebhookSecrets, "gitlabTokens" | "gitlabSigningSecrets">,
  clock: Pick<Clock, "now">,
): WebhookForge {
  const { gitlabTokens, gitlabSigningSecrets } = secrets;
  const isSigned = (headers: IncomingHttpHeaders): boolean =>
    gitlabSigningSecrets.length > 0 && headerOf(headers, "webhook-signature") !== undefined;
  const hasToken = (headers: IncomingHttpHeaders): boolean =>
    isGitlabToken(headerOf(headers, "x-gitlab-token"), gitlabTokens);
  return {
    forge: "gitlab",
    mayBeAuthentic: (headers) => isSigned(headers) || hasToken(headers),
    isAuthentic(headers, body) {
      if (!isSigned(headers)) return hasToken(headers);
      const standard = {
        id: headerOf(headers, "webhook-id"),
        timestamp: headerOf(headers, "webhook-timestamp"),
        signature: headerOf(headers, "webhook-signature"),
      };
      return isStandardWebhook(standard, body, gitlabSigningSecrets, clock.now().getTime());
    },
    eventName: (headers) => headerOf(headers, "x-gitlab-event") ?? "",
    // Not X-Gitlab-Event-UUID: all hooks share it, and a delivery that is sent again has another one.
    deliveryId: (headers) => headerOf(headers, "webhook-id") ?? headerOf(headers, "idempotency-key"),
    read(headers, body) {
      let payload: unknown;
      try {
        payload = JSON.parse(body.toString());
      } catch {
        return ignored("The delivery's body is not JSON.");
      }
      return readGitlabEvent(payload, headerOf(headers, "x-gitlab-event-uuid"));
    },
  };
}
