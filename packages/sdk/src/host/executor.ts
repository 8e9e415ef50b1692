// The seam between the SDK and whatever carries out what a pipeline asks for: the Coordinator, or the scripted executor of
// ./testing. All methods may be called concurrently. Each resolves when what it did is durable, however long that takes, and
// rejects only when it never can be (a DanubeError then tells why). None of them knows of retries, groups or options.
import type { RunStepRequest, StepResult as StepOutcome, StepStatus } from "@danube/protocol";
import type { Artifact } from "../artifacts.ts";

/** One attempt of one command. `env`, `capture` and `soft` are always there. */
export type StepRequest = RunStepRequest;

export interface StepEnd {
  readonly result: StepOutcome;
  /** For a step with `capture`: its standard output, final line break included. */
  readonly stdout?: { readonly text: string; readonly truncated: boolean };
}

export interface GroupReport {
  readonly stepId: string;
  readonly parentId?: string;
  readonly name: string;
  readonly sequence: number;
  readonly status: StepStatus;
}

export interface StepExecutor {
  /** Runs the command and resolves with its end; a failed command is a result. */
  runStep(request: StepRequest): Promise<StepEnd>;
  /** Tells that a group began (`running`) or how it ended. */
  reportGroup(report: GroupReport): Promise<void>;
  getSecret(name: string): Promise<string>;
  /** Stores `paths`, which are relative to the workspace and may be globs. */
  uploadArtifact(request: { readonly name: string; readonly paths: readonly string[] }): Promise<Artifact>;
  /** Fetches into the directory `to`, relative to the workspace. */
  downloadArtifact(request: { readonly name: string; readonly to: string }): Promise<Artifact>;
}
