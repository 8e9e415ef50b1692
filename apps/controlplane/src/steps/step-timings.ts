/** How long the control plane waits for things of a step, in milliseconds. */
export interface StepTimings {
  /** After so long without a sign of a running step, its process is looked for. */
  readonly probeIntervalMs: number;
  /** A process that seems to be gone is looked for once more after this, in case its exit status was just being written. */
  readonly confirmLossMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly killAfterMs: number;
  /** The pauses between tries of a launch or a signal whose fate is not known: the first, and the longest. */
  readonly retryFirstMs: number;
  readonly retryLongestMs: number;
}
