import { DanubeError } from "@danube/protocol";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { WriteTransaction } from "../sql/transaction.ts";

const pipelineByName = prepare<{ name: string }>()((p) =>
  sqlBuilder.selectFrom("pipelines").select("id").where("name", "=", p.name),
);
const advance = prepare<{ pipelineId: string; schedule: string; slot: string }>()((p) =>
  sqlBuilder
    .insertInto("cron_slots")
    .values({ pipeline_id: p.pipelineId, schedule: p.schedule, slot: p.slot })
    .onConflict((conflict) =>
      conflict.columns(["pipeline_id", "schedule"]).doUpdateSet({ slot: p.slot }).where("cron_slots.slot", "<", p.slot),
    ),
);

/** Remembers the last slot fired for a pipeline's schedule. An earlier one than is known changes nothing. Throws `not_found`. */
export function advanceCronSlot(
  transaction: WriteTransaction,
  fired: { readonly pipelineName: string; readonly schedule: string; readonly slot: string },
): void {
  const pipeline = transaction.first(pipelineByName({ name: fired.pipelineName }));
  if (!pipeline) throw new DanubeError("not_found", `There is no pipeline "${fired.pipelineName}".`);
  transaction.run(advance({ pipelineId: pipeline.id, schedule: fired.schedule, slot: fired.slot }));
}
