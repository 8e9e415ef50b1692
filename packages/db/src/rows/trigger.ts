import { type Trigger, TriggerEvent } from "@danube/protocol";
import type { Selectable } from "kysely";
import type { TriggersTable } from "../schema.ts";
import { readJson, withoutNulls } from "./json.ts";

export function toTrigger(row: Selectable<TriggersTable>): Trigger {
  return {
    id: row.id,
    event: readJson(TriggerEvent, row.event, "triggers.event"),
    deduplicationKey: row.deduplication_key,
    status: row.status,
    ...withoutNulls({ outcome: row.outcome }),
    receivedAt: row.received_at,
    ...withoutNulls({ decidedAt: row.decided_at }),
  };
}
