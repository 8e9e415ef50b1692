import { DanubeError } from "@danube/protocol";
import { readGithubEvent } from "./github-event.ts";
import { headerOf } from "./header.ts";
import type { WebhookForge } from "./receive-webhook.ts";
import { isGithubSignature } from "./signature.ts";

/** GitHub's deliveries, signed with one of `secrets`. */
export function createGithubForge(secrets: readonly string[]): WebhookForge {
  return {
    forge: "github",
    // Without a secret nothing can be authentic: then no stranger's body is even read.
    mayBeAuthentic: (headers) =>
      secrets.some((secret) => secret !== "") && headerOf(headers, "x-hub-signature-256") !== undefined,
    isAuthentic: (headers, body) => isGithubSignature(headerOf(headers, "x-hub-signature-256"), body, secrets),
    eventName: (headers) => headerOf(headers, "x-github-event") ?? "",
    deliveryId: (headers) => headerOf(headers, "x-github-delivery"),
    read(headers, body) {
      return readGithubEvent(
        headerOf(headers, "x-github-event") ?? "",
        parsePayload(headerOf(headers, "content-type"), body),
      );
    },
  };
}

/** A hook may be set to send JSON or, as GitHub first proposes, a form with the JSON in its field `payload`. */
function parsePayload(contentType: string | undefined, body: Buffer): unknown {
  const text = body.toString();
  const isForm = contentType?.toLowerCase().startsWith("application/x-www-form-urlencoded") ?? false;
  const json = isForm ? (new URLSearchParams(text).get("payload") ?? "") : text;
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new DanubeError("invalid_request", "The delivery's body is signed but is not JSON.", { cause });
  }
}
