// What every job of this process shares.
import type { Writer } from "@danube/db/write";
import type { Clock, Logger, Metrics } from "@danube/kit";
import type { RuntimeDriver } from "@danube/runtime";
import type { Committer } from "../changes/committer.ts";
import type { ChangeFeed } from "../changes/change-feed.ts";
import type { SecretCipher } from "../secrets/secret-cipher.ts";
import type { StepTimings } from "../steps/step-timings.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** How long the control plane waits for things of a job, in milliseconds. */
export interface JobTimings extends StepTimings {
  /** From admission until the Coordinator has attached. */
  readonly startDeadlineMs: number;
  /** What a job that was asked to end has for its commands and `finally` blocks. */
  readonly cancelGraceMs: number;
  /** What its Coordinator has beyond that to report. */
  readonly endSlackMs: number;
  /** A Coordinator that is not attached for so long has its sandbox looked at, again and again. */
  readonly detachedCheckMs: number;
  readonly heartbeatMs: number;
  /** How long a repository has to name a commit. */
  readonly resolveCommitMs: number;
}

export const defaultTimings: JobTimings = {
  startDeadlineMs: 900_000,
  cancelGraceMs: 10_000,
  endSlackMs: 5_000,
  detachedCheckMs: 15_000,
  heartbeatMs: 15_000,
  resolveCommitMs: 30_000,
  probeIntervalMs: 20_000,
  confirmLossMs: 2_000,
  killAfterMs: 10_000,
  retryFirstMs: 250,
  retryLongestMs: 10_000,
};

export interface JobEnvironment {
  readonly writer: Writer;
  readonly committer: Committer;
  readonly feed: ChangeFeed;
  readonly driver: RuntimeDriver;
  readonly cipher: SecretCipher;
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly newId: () => string;
  readonly timings: JobTimings;
  readonly logsDirectory: string;
  /** Where Coordinators reach this process. */
  readonly rpcUrl: () => string;
  /** The server's environment, of which Git gets what it needs. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether repositories may be paths of this machine. */
  readonly allowLocalRepositories: boolean;
}
