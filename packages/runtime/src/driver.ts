// The seam between the control plane and whatever runs jobs.
//
// A sandbox belongs to one job (one attempt) and is named by the job's id. It holds a Coordinator, a Worker, perhaps more
// named workers and services, a workspace that all of them see, and a run directory outside the workspace.
//
//   1. createSandbox    once for each job; asked again for the same job it changes nothing and resolves.
//   2. the driver reports through `onObservation`: starting, ready, ended. "ready" means commands can be launched.
//   3. exec             launches, signals and probes steps through the launcher (see launcher.ts). Short calls only.
//   4. deleteSandbox    kills and removes everything; idempotent; resolves when nothing of it is left.
//
// All methods may be called concurrently, for different jobs and for the same one. What a driver started outlives the
// process that started it: after a restart `listSandboxes` finds it again, and observations go on.
import type { PipelineSpec, Reason } from "@danube/protocol";

export interface SandboxSpec {
  readonly jobId: string;
  readonly pipelineName: string;
  readonly worker: PipelineSpec["worker"];
  readonly workers: PipelineSpec["workers"];
  readonly services: PipelineSpec["services"];
  readonly workspaceSizeGb: number;
  readonly maxDurationSeconds: number;
  /** The job's bearer token for the control plane. The driver gives it to the Coordinator alone, never by environment or arguments. */
  readonly token: string;
  /** Where the Coordinator reaches the control plane, such as `http://127.0.0.1:9000`. */
  readonly rpcUrl: string;
  /** `danube run`: an existing directory that serves as the workspace, and is left as it is at the end. Local runtime only. */
  readonly workspaceDirectory?: string;
}

/** What a driver sees of a sandbox. The newest observation of a job replaces the ones before. */
export type SandboxObservation =
  | {
      readonly jobId: string;
      readonly phase: "starting" /** Why it is not ready yet, in a sentence. */;
      readonly message?: string;
    }
  | { readonly jobId: string; readonly phase: "ready" }
  /** It will never run a command again. Without `reason` the Coordinator ended by itself; what it reported counts. */
  | { readonly jobId: string; readonly phase: "ended"; readonly reason?: Reason; readonly message: string };

/**
 * What the launcher is asked. `launch` carries a script that `buildStepScript` made (step-script.ts). To every command the
 * driver gives CI, DANUBE, DANUBE_JOB_ID, DANUBE_WORKSPACE and the environment of its worker's specification; what the
 * script sets wins. Variables with names that no shell can export reach a command by its script alone. Signals go to the
 * command's process group; a step that does not run is left alone.
 */
export type LauncherCommand =
  | { readonly verb: "launch"; readonly stepId: string; readonly capture: boolean; readonly script: Uint8Array }
  | { readonly verb: "signal"; readonly stepId: string; readonly signal: "TERM" | "KILL" | "INT" }
  | { readonly verb: "probe"; readonly stepId: string };

/** What is known of a step's process. `absent`: never launched. `dead`: launched, gone, and no exit status was recorded. */
export type StepProbe =
  | { readonly state: "absent" }
  | { readonly state: "running" }
  | { readonly state: "exited"; readonly exitCode: number }
  | { readonly state: "dead" };

/** What the applied Blueprint says to a driver. */
export interface RuntimeConfiguration {
  /** The names that jobs may reach, such as `registry.npmjs.org` or `*.example.com`. */
  readonly egressAllowlist: readonly string[];
  readonly pipelines: readonly { readonly name: string; readonly spec: PipelineSpec }[];
}

export interface RuntimeDriver {
  readonly name: "local" | "kubernetes" | "fake";
  /** `none`: jobs run as this machine's own processes; pipelines of untrusted origin must be refused. */
  readonly isolation: "none" | "pod";
  /**
   * Tells what the Blueprint says now; called with all of it before or right after `start`, and after each change. The newest call counts.
   * Returns at once; what follows from it is done in the background, again and again until it is done.
   */
  configure?(configuration: RuntimeConfiguration): void;
  /** Begins to observe, sandboxes of an earlier process included. */
  start(): Promise<void>;
  /** Stops observing. Sandboxes go on. */
  stop(): Promise<void>;
  /**
   * Resolves when the sandbox is sure to come about or to be reported as ended. Rejects with `sandbox_failed` when it cannot
   * be, and with a retryable code when that is not known.
   */
  createSandbox(spec: SandboxSpec): Promise<void>;
  /** Calls `listener` for each observation from now on, in order for each job. Returns a function that ends it. */
  onObservation(listener: (observation: SandboxObservation) => void): () => void;
  /** Every sandbox that exists, whoever made it. */
  listSandboxes(): Promise<SandboxObservation[]>;
  /**
   * Asks the launcher in a worker. `launch` is idempotent by step id and resolves once the command is certain to have been
   * started, now or before. Rejects with `exec_interrupted` when it is not known what happened (ask again), and with
   * `sandbox_missing` when there is no sandbox, or when a sandbox that has ended is asked to launch something new. `worker` undefined is the default worker. The probe is what is true after it.
   */
  exec(jobId: string, worker: string | undefined, command: LauncherCommand): Promise<StepProbe>;
  /**
   * Kills every process of the sandbox (SIGTERM first if `graceMs` is more than 0) and removes everything it had. Resolves
   * when nothing is left; a sandbox that does not exist resolves at once. If no end was reported before, it is now.
   */
  deleteSandbox(jobId: string, options: { readonly graceMs: number }): Promise<void>;
  /** Whether sandboxes could be made now. */
  check(): Promise<{ readonly ok: boolean; readonly detail?: string }>;
}
