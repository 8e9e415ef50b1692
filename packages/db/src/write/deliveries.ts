// Webhook deliveries: each is stored once, together with the trigger it means.
import type { CommandMethods, Forge } from "@danube/protocol";
import type { z } from "zod";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { WriteTransaction } from "../sql/transaction.ts";
import { recordTrigger } from "./triggers.ts";

export type NewDelivery = z.output<CommandMethods["recordDelivery"]["request"]>;

const known = prepare<{ forge: Forge; forgeDeliveryId: string }>()((p) =>
  sqlBuilder
    .selectFrom("webhook_deliveries")
    .select(["id", "trigger_id"])
    .where("forge", "=", p.forge)
    .where("forge_delivery_id", "=", p.forgeDeliveryId),
);
const insert = prepare<{
  id: string;
  forge: Forge;
  forgeDeliveryId: string;
  event: string;
  bodySha256: string;
  result: "accepted" | "ignored";
  detail: string | null;
  triggerId: string | null;
  at: string;
}>()((p) =>
  sqlBuilder.insertInto("webhook_deliveries").values({
    id: p.id,
    forge: p.forge,
    forge_delivery_id: p.forgeDeliveryId,
    event: p.event,
    body_sha256: p.bodySha256,
    result: p.result,
    detail: p.detail,
    trigger_id: p.triggerId,
    received_at: p.at,
  }),
);

/**
 * Stores a verified delivery and its trigger. `duplicate` when the forge's delivery id or the trigger's happening was known
 * already; then nothing is stored and the first trigger's id is told. The same delivery id of ours again is no duplicate:
 * it is the same call, retried.
 */
export function recordDelivery(
  transaction: WriteTransaction,
  { delivery, trigger }: NewDelivery,
): { readonly duplicate: boolean; readonly triggerId?: string } {
  const { id, forge, forgeDeliveryId } = delivery;
  const earlier = transaction.first(known({ forge, forgeDeliveryId }));
  if (earlier) {
    return {
      duplicate: earlier.id !== id,
      ...(earlier.trigger_id === null ? {} : { triggerId: earlier.trigger_id }),
    };
  }
  const recorded = trigger && recordTrigger(transaction, trigger);
  if (recorded?.duplicate) return recorded;
  transaction.run(
    insert({
      id,
      forge,
      forgeDeliveryId,
      event: delivery.event,
      bodySha256: delivery.bodySha256,
      result: delivery.result,
      detail: delivery.detail ?? null,
      triggerId: recorded?.triggerId ?? null,
      at: transaction.now,
    }),
  );
  return { duplicate: false, ...(recorded ? { triggerId: recorded.triggerId } : {}) };
}
