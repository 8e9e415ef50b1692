// A directory of logs that is gone after the test.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

let lastJob = 0;

/** An id that no other test of this process uses. */
export function newJobId(): string {
  return `0190a000-0000-7000-8000-${String(++lastJob).padStart(12, "0")}`;
}

export interface LogDirectory {
  readonly directory: string;
  readonly logPath: (jobId: string) => string;
  readonly indexPath: (jobId: string) => string;
  readonly log: (jobId: string) => string;
}

export function makeLogDirectory(): LogDirectory {
  const directory = mkdtempSync(join(tmpdir(), "danube-logs-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const logPath = (jobId: string): string => join(directory, `${jobId}.log`);
  return {
    directory,
    logPath,
    indexPath: (jobId) => join(directory, `${jobId}.idx`),
    log: (jobId) => readFileSync(logPath(jobId), "latin1"),
  };
}
