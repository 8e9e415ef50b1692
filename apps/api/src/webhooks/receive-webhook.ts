// How a delivery is received, whichever forge sent it: nothing is stored before it has proved who sent it, and nothing is
// answered before it is stored.
import { hash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { newId, type Logger, type Metrics } from "@danube/kit";
import { type Commands, DanubeError, type Forge, isDanubeError, type WebhookResponseBody } from "@danube/protocol";
import type { z } from "zod";
import { readBody } from "../http/read-body.ts";
import type { WebhookReading } from "./reading.ts";

/** GitHub's own limit; GitLab's is the same order of magnitude. */
const mostBytes = 25 * 1024 * 1024;

/** One forge's ways. */
export interface WebhookForge {
  readonly forge: Exclude<Forge, "danube">;
  /** Whether the headers could belong to an authentic delivery: what can't is refused without reading its body. */
  mayBeAuthentic(headers: IncomingMessage["headers"]): boolean;
  isAuthentic(headers: IncomingMessage["headers"], body: Buffer): boolean;
  /** The event's name, for the record. */
  eventName(headers: IncomingMessage["headers"]): string;
  /** The forge's id of this delivery, the same when it is sent again; undefined when it has none. */
  deliveryId(headers: IncomingMessage["headers"]): string | undefined;
  /** What it means. Throws `invalid_request` for a body that can't be read where the forge should hear of it. */
  read(headers: IncomingMessage["headers"], body: Buffer): WebhookReading;
}

export interface WebhookReceiver {
  readonly commands: Pick<Commands, "recordDelivery">;
  readonly metrics: Pick<Metrics, "webhookEventsTotal">;
  readonly logger: Logger;
}

export interface WebhookAnswer {
  readonly status: 200 | 202;
  readonly body: z.infer<typeof WebhookResponseBody>;
}

/** Receives one delivery. Throws a DanubeError for what is refused, and when it could not be stored. */
export async function receiveWebhook(
  forge: WebhookForge,
  incoming: IncomingMessage,
  { commands, metrics, logger }: WebhookReceiver,
): Promise<WebhookAnswer> {
  const count = (result: string): void => metrics.webhookEventsTotal.increment({ forge: forge.forge, result });
  const { headers } = incoming;
  try {
    if (!forge.mayBeAuthentic(headers)) throw notAuthentic(forge.forge);
    const body = await readBody(incoming, mostBytes);
    if (!forge.isAuthentic(headers, body)) throw notAuthentic(forge.forge);
    const reading = forge.read(headers, body);
    const bodySha256 = hash("sha256", body);
    const event = forge.eventName(headers);
    const { duplicate, triggerId } = await commands.recordDelivery({
      delivery: {
        id: newId(),
        forge: forge.forge,
        forgeDeliveryId: (forge.deliveryId(headers) ?? `body:${bodySha256}`).slice(0, 500),
        event: event.slice(0, 200),
        bodySha256,
        result: reading.result,
        ...(reading.result === "ignored" ? { detail: reading.detail.slice(0, 2_000) } : {}),
      },
      ...(reading.result === "accepted"
        ? { trigger: { id: newId(), deduplicationKey: reading.deduplicationKey, event: reading.event } }
        : {}),
    });
    const result = reading.result === "ignored" ? "ignored" : duplicate ? "duplicate" : "accepted";
    count(result);
    logger.debug("A webhook was received", { forge: forge.forge, event, result, triggerId });
    if (reading.result === "ignored") return { status: 200, body: { status: "ignored", detail: reading.detail } };
    return { status: 202, body: { status: duplicate ? "duplicate" : "accepted", triggerId } };
  } catch (error) {
    count(isDanubeError(error, "unauthenticated") ? "unauthenticated" : "failed");
    throw error;
  }
}

function notAuthentic(forge: string): DanubeError {
  return new DanubeError(
    "unauthenticated",
    `The delivery is not signed with a secret that this server has for ${forge === "github" ? "GitHub" : "GitLab"}.`,
  );
}
