// What people and the scheduler ask of jobs that exist.
import { explainJob, getJob, recordAudit } from "@danube/db/write";
import { isFinal } from "@danube/protocol";
import { applyEvent } from "../jobs/apply-event.ts";
import type { CommandContext, CommandHandlers } from "./command-context.ts";

type JobCommands = Pick<CommandHandlers, "admitJob" | "explainPending" | "cancelJob">;

export function createJobCommands({ environment, orchestrator }: CommandContext): JobCommands {
  const { committer, newId } = environment;
  return {
    async admitJob({ jobId, expectedVersion }) {
      const applied = await committer.commit((transaction, emit) => {
        const { job } = getJob(transaction, jobId);
        if (job.status !== "pending" || job.version !== expectedVersion) return undefined;
        return applyEvent(transaction, emit, jobId, { type: "admitted" }, environment);
      });
      if (applied) orchestrator.adopt(applied);
      return { admitted: applied !== undefined };
    },
    explainPending: ({ jobId, expectedVersion, message }) =>
      committer.commit((transaction, emit) => {
        const before = getJob(transaction, jobId).job;
        if (before.status !== "pending") return {};
        const after = explainJob(transaction, { jobId, expectedVersion, message });
        if (after && after.job.version !== before.version) emit({ type: "job", job: after.job });
        return {};
      }),
    async cancelJob({ jobId, reason, actor, message }) {
      const sentence = message ?? `Cancelled by ${actor.subject}.`;
      const applied = await committer.commit(
        (transaction, emit) => {
          const { job } = getJob(transaction, jobId);
          const event = { type: "cancelRequested", reason, message: sentence } as const;
          const result = applyEvent(transaction, emit, jobId, event, environment);
          const detail = isFinal(job.status) ? "It had ended already." : undefined;
          recordAudit(transaction, { id: newId(), actor, action: "job.cancel", target: jobId, result: "ok", detail });
          return result;
        },
        { essential: true },
      );
      orchestrator.adopt(applied);
      return { job: applied.record.job };
    },
  };
}
