// Triggers: stored once for each happening, decided once.
import { DanubeError, type Job, type NewJob, type Trigger, type TriggerEvent } from "@danube/protocol";
import { selectJobs, toJob } from "../rows/job.ts";
import { toTrigger } from "../rows/trigger.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { prepare } from "../sql/prepare.ts";
import type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";
import { createJob } from "./create-job.ts";
import { advanceCronSlot } from "./cron-slots.ts";

export interface NewTrigger {
  readonly id: string;
  readonly deduplicationKey: string;
  readonly event: TriggerEvent;
}

/** `duplicate`: the happening was known already, by another id, which is told. */
export interface RecordedTrigger {
  readonly duplicate: boolean;
  readonly triggerId: string;
}

const byId = prepare<{ triggerId: string }>()((p) =>
  sqlBuilder.selectFrom("triggers").selectAll().where("id", "=", p.triggerId),
);
const byKey = prepare<{ key: string }>()((p) =>
  sqlBuilder.selectFrom("triggers").select("id").where("deduplication_key", "=", p.key),
);
const insert = prepare<{ id: string; key: string; type: TriggerEvent["type"]; event: string; at: string }>()((p) =>
  sqlBuilder.insertInto("triggers").values({
    id: p.id,
    deduplication_key: p.key,
    type: p.type,
    event: p.event,
    status: "received",
    received_at: p.at,
  }),
);
const decide = prepare<{ triggerId: string; outcome: string; at: string }>()((p) =>
  sqlBuilder
    .updateTable("triggers")
    .set({ status: "decided", outcome: p.outcome, decided_at: p.at })
    .where("id", "=", p.triggerId)
    .where("status", "=", "received"),
);
const jobsOf = prepare<{ triggerId: string }>()((p) =>
  selectJobs.where("j.trigger_id", "=", p.triggerId).orderBy("j.created_at").orderBy("j.id"),
);

/** The trigger, if it exists. */
export function findTrigger(transaction: ReadTransaction, triggerId: string): Trigger | undefined {
  const row = transaction.first(byId({ triggerId }));
  return row && toTrigger(row);
}

/** The trigger. Throws `not_found`. */
export function getTrigger(transaction: ReadTransaction, triggerId: string): Trigger {
  const trigger = findTrigger(transaction, triggerId);
  if (!trigger) throw new DanubeError("not_found", `There is no trigger ${triggerId}.`, { ids: { triggerId } });
  return trigger;
}

/** The jobs that came of a trigger, in the order of their making. */
export function listJobsOfTrigger(transaction: ReadTransaction, triggerId: string): Job[] {
  return transaction.all(jobsOf({ triggerId })).map(toJob);
}

/**
 * Stores a trigger unless its happening is known. The same id again is no duplicate: it is the same call, retried. A cron
 * trigger moves its pipeline's slot on with it.
 */
export function recordTrigger(transaction: WriteTransaction, trigger: NewTrigger): RecordedTrigger {
  const known = transaction.first(byKey({ key: trigger.deduplicationKey }));
  if (known) return { duplicate: known.id !== trigger.id, triggerId: known.id };
  const { id, event } = trigger;
  transaction.run(
    insert({
      id,
      key: trigger.deduplicationKey,
      type: event.type,
      event: JSON.stringify(event),
      at: transaction.now,
    }),
  );
  if (event.type === "cron" && event.pipelineName && event.schedule && event.slot) {
    advanceCronSlot(transaction, { pipelineName: event.pipelineName, schedule: event.schedule, slot: event.slot });
  }
  return { duplicate: false, triggerId: id };
}

/**
 * Stores what was made of a trigger: its jobs, or the sentence why there are none. A trigger is decided once; a second
 * decision changes nothing and gets the first one's jobs. What a job supersedes is the caller's to cancel, in the same
 * transaction and only when this was the first decision. Throws `not_found`.
 */
export function decideTrigger(
  transaction: WriteTransaction,
  decision: { readonly triggerId: string; readonly jobs: readonly NewJob[]; readonly outcome: string },
): { readonly jobs: Job[]; readonly alreadyDecided: boolean } {
  const { triggerId, outcome } = decision;
  if (transaction.run(decide({ triggerId, outcome, at: transaction.now })).changes === 0) {
    getTrigger(transaction, triggerId);
    return { jobs: listJobsOfTrigger(transaction, triggerId), alreadyDecided: true };
  }
  const jobs = decision.jobs.map((job) => createJob(transaction, { ...job, trigger: { ...job.trigger, triggerId } }));
  return { jobs, alreadyDecided: false };
}
