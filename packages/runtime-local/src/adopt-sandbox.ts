// What a restarted driver makes of the directories that it finds.
import type { SandboxObservation } from "@danube/runtime";
import { deliverSandboxFile } from "./make-sandbox.ts";
import { bootId, findSessionLeader, isAlive } from "./process-table.ts";
import { readRecord, type SandboxPaths, type SandboxRecord, writeWhole } from "./sandbox-directory.ts";

export interface AdoptedSandbox {
  readonly record: SandboxRecord | undefined;
  readonly observation: SandboxObservation;
}

/** Reads what is there of a job's sandbox, and finishes what little was left to do. */
export function adoptSandbox(jobId: string, paths: SandboxPaths): AdoptedSandbox {
  let record = readRecord(paths.record);
  // We died between the start of its Coordinator and the note of it.
  if (record !== undefined && record.coordinator === undefined && record.bootId === bootId) {
    const coordinator = findSessionLeader(jobId);
    if (coordinator !== undefined) {
      record = { ...record, coordinator };
      writeWhole(paths.record, JSON.stringify(record));
    }
  }
  if (record?.coordinator === undefined)
    return { record, observation: endOf(jobId, "The making of the sandbox was interrupted.", true) };
  if (record.bootId !== bootId) return { record, observation: endOf(jobId, "The machine was restarted.", true) };
  if (!isAlive(record.coordinator)) return { record, observation: endOf(jobId) };
  deliverSandboxFile(paths, record);
  return { record, observation: { jobId, phase: "ready" } };
}

/** The observation of an end. How a Coordinator ended that another process started cannot be learned, only that it did. */
export function endOf(
  jobId: string,
  message = "The Coordinator is no longer running.",
  lost = false,
): SandboxObservation {
  return { jobId, phase: "ended", message, ...(lost ? { reason: "infra_lost" as const } : {}) };
}
