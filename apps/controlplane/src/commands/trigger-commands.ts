// Triggers and what the scheduler makes of them.
import {
  decideTrigger,
  findJob,
  getJob,
  getTrigger,
  recordAudit,
  recordDelivery,
  recordTrigger,
} from "@danube/db/write";
import { applyEvent, type AppliedEvent, prepareStart } from "../jobs/apply-event.ts";
import type { JobToken } from "../jobs/job-token.ts";
import type { CommandContext, CommandHandlers } from "./command-context.ts";

type TriggerCommands = Pick<CommandHandlers, "recordDelivery" | "recordTrigger" | "decideTrigger">;

export function createTriggerCommands({ environment, orchestrator }: CommandContext): TriggerCommands {
  const { committer, stopwatch, newId } = environment;
  return {
    recordDelivery: (request) =>
      committer.commit((transaction, emit) => {
        const recorded = recordDelivery(transaction, request);
        if (!recorded.duplicate && recorded.triggerId !== undefined) {
          emit({ type: "trigger", trigger: getTrigger(transaction, recorded.triggerId) });
        }
        return recorded;
      }),
    recordTrigger: ({ id, deduplicationKey, event, actor }) =>
      committer.commit((transaction, emit) => {
        const recorded = recordTrigger(transaction, { id, deduplicationKey, event });
        if (recorded.duplicate) return recorded;
        if (actor) {
          const target = event.pipelineName;
          recordAudit(transaction, { id: newId(), actor, action: `trigger.${event.type}`, target, result: "ok" });
        }
        emit({ type: "trigger", trigger: getTrigger(transaction, recorded.triggerId) });
        return recorded;
      }),
    async decideTrigger(request) {
      const { started, superseded, jobs, alreadyDecided } = await committer.commit((transaction, emit) => {
        const started: [jobId: string, token: JobToken][] = [];
        const superseded: AppliedEvent[] = [];
        const decided = decideTrigger(transaction, request);
        if (decided.alreadyDecided) return { ...decided, started, superseded };
        for (const job of decided.jobs) {
          if (job.status === "scheduling") started.push([job.id, prepareStart(transaction, job.id, stopwatch)]);
        }
        const jobs = decided.jobs.map(({ id }) => getJob(transaction, id).job);
        for (const job of jobs) emit({ type: "job", job });
        for (const { id, pipelineId, supersedes } of request.jobs) {
          for (const olderId of supersedes) {
            if (findJob(transaction, olderId)?.job.pipelineId !== pipelineId) continue;
            const message = `A newer job of the same pipeline took its place: ${id}.`;
            const event = { type: "cancelRequested", reason: "superseded", message } as const;
            superseded.push(applyEvent(transaction, emit, olderId, event, environment));
          }
        }
        emit({ type: "trigger", trigger: getTrigger(transaction, request.triggerId) });
        return { jobs, alreadyDecided: false, started, superseded };
      });
      for (const applied of superseded) orchestrator.adopt(applied);
      for (const [jobId, token] of started) orchestrator.begin(jobId, token);
      return { jobs, alreadyDecided };
    },
  };
}
