// A trigger that somebody asks for by hand, and the short wait for what the scheduler makes of it.
import { isDeepStrictEqual } from "node:util";
import { type Clock, newId } from "@danube/kit";
import {
  type Commands,
  DanubeError,
  type Job,
  type Queries,
  TriggerEvent,
  type Trigger,
  type TriggerResponseBody,
} from "@danube/protocol";
import type { z } from "zod";
import { deduplicationKey } from "../webhooks/reading.ts";
import type { ChangeFeed } from "../streams/change-feed.ts";

export interface ManualTriggers {
  /**
   * Stores a manual trigger or a rerun, waits a moment for the decision, and returns the jobs there are by then. The same
   * `idempotencyKey` of the same person returns the first one; for anything else it throws `idempotency_mismatch`.
   */
  start(request: {
    readonly event: TriggerEvent;
    readonly actor: { readonly subject: string; readonly address?: string };
    readonly idempotencyKey: string | undefined;
  }): Promise<z.infer<typeof TriggerResponseBody>>;
}

export interface ManualTriggersOptions {
  readonly queries: Pick<Queries, "getTrigger" | "listJobs">;
  readonly commands: Pick<Commands, "recordTrigger">;
  readonly feed: ChangeFeed;
  readonly clock: Clock;
  readonly waitMs: number;
}

/** How often the decision is looked up, should no change tell of it. */
const pollMs = 500;
/** The most jobs of a pipeline to look through for those of a trigger that was decided before. */
const mostJobs = 500;

export function createManualTriggers(options: ManualTriggersOptions): ManualTriggers {
  const { queries, commands, feed, clock, waitMs } = options;

  const jobsOf = async (triggerId: string, pipelineName: string | undefined): Promise<Job[]> => {
    const { items } = await queries.listJobs({ pipelineName, limit: mostJobs });
    return items.filter((job) => job.trigger.triggerId === triggerId);
  };

  return {
    async start({ event, actor, idempotencyKey }) {
      const id = newId();
      const key = deduplicationKey("danube", event.type, [actor.subject, idempotencyKey ?? id]);
      // Watched before it is stored, so that the decision can't slip through.
      const decided = watchDecision(feed);
      try {
        const recorded = await commands.recordTrigger({ id, deduplicationKey: key, event, actor });
        const { triggerId } = recorded;
        if (recorded.duplicate) await refuseOtherUse(queries, triggerId, event);
        await decided.wait(triggerId, {
          clock,
          waitMs,
          lookUp: async () => (await queries.getTrigger({ triggerId })).trigger,
        });
        const { trigger } = await queries.getTrigger({ triggerId });
        return { triggerId, jobs: await jobsOf(triggerId, event.pipelineName), outcome: trigger?.outcome };
      } finally {
        decided.stop();
      }
    },
  };
}

async function refuseOtherUse(
  queries: Pick<Queries, "getTrigger">,
  triggerId: string,
  event: TriggerEvent,
): Promise<void> {
  const { trigger } = await queries.getTrigger({ triggerId });
  if (trigger !== undefined && !isDeepStrictEqual(plain(trigger.event), plain(event))) {
    throw new DanubeError("idempotency_mismatch", "This Idempotency-Key was used for another request before.", {
      ids: { triggerId },
    });
  }
}

/** Without the keys that are undefined, as it is after being stored. */
function plain(event: TriggerEvent): unknown {
  return JSON.parse(JSON.stringify(TriggerEvent.parse(event)));
}

function watchDecision(feed: ChangeFeed) {
  const decided = new Set<string>();
  let onDecision: (triggerId: string) => void = () => undefined;
  const stop = feed.subscribe((change) => {
    if (change.type !== "trigger" || change.trigger.status !== "decided") return;
    decided.add(change.trigger.id);
    onDecision(change.trigger.id);
  });
  return {
    stop,
    /** Resolves when the trigger is decided, or the time is over. */
    async wait(
      triggerId: string,
      { clock, waitMs, lookUp }: { clock: Clock; waitMs: number; lookUp: () => Promise<Trigger | undefined> },
    ): Promise<void> {
      const endMs = clock.monotonicMs() + waitMs;
      while (!decided.has(triggerId) && (await lookUp())?.status !== "decided") {
        const leftMs = endMs - clock.monotonicMs();
        if (leftMs <= 0) return;
        await new Promise<void>((resolve) => {
          const cancel = clock.setTimeout(resolve, Math.min(pollMs, leftMs));
          onDecision = (id) => {
            if (id !== triggerId) return;
            cancel();
            resolve();
          };
          if (decided.has(triggerId)) onDecision(triggerId);
        });
      }
    },
  };
}
