import type { Job, JobStatus, Step } from "@danube/protocol";

/** A length of time as people say it: `850 ms`, `12 s`, `3 m 05 s`, `2 h 10 m`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m ${String(seconds % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
}

/** How long a job or a step has been going on, or took; undefined before it began. */
export function durationOf(
  { startedAt, finishedAt }: { readonly startedAt?: string; readonly finishedAt?: string },
  nowMs: number,
): string | undefined {
  if (startedAt === undefined) return undefined;
  const endMs = finishedAt === undefined ? nowMs : Date.parse(finishedAt);
  return formatDuration(endMs - Date.parse(startedAt));
}

/** A sign and a word for each status: colour is never all that tells them apart. */
export const statusSigns: Readonly<
  Record<JobStatus | Step["status"], { readonly sign: string; readonly word: string }>
> = {
  pending: { sign: "…", word: "waiting" },
  scheduling: { sign: "◔", word: "starting" },
  running: { sign: "▶", word: "running" },
  success: { sign: "✓", word: "succeeded" },
  failure: { sign: "✗", word: "failed" },
  timeout: { sign: "⏱", word: "timed out" },
  cancelled: { sign: "⊘", word: "cancelled" },
  lost: { sign: "?", word: "lost" },
};

/** What a job runs on: a branch, a tag or a pull request. */
export function refOf({ trigger }: Job): string {
  if (trigger.pullRequest !== undefined) return `#${trigger.pullRequest.number} ${trigger.pullRequest.headBranch}`;
  return trigger.tag ?? trigger.branch ?? trigger.ref ?? "";
}
