// Loads the pipeline file, calls its function, and decides how the job ended, whatever the file does to this process.
import type { JobContext, JobMethods, JobOutcome } from "@danube/protocol";
import type { RpcClient } from "@danube/rpc";
import { type PipelineRun, type SourceLocator, type StepExecutor, startPipeline } from "@danube/sdk/host";
import { withoutCredentials } from "./checkout/git-environment.ts";
import type { Hold } from "./hold.ts";
import type { JobLog } from "./job-log.ts";
import type { ModuleLoader } from "./load/module-loader.ts";
import { loadPipeline, PipelineLoadError } from "./load/load-pipeline.ts";
import type { ProcessGuard } from "./process-guard.ts";

export interface RunPipelineFileOptions {
  readonly context: JobContext;
  /** With symbolic links resolved. */
  readonly workspace: string;
  readonly client: Pick<RpcClient<JobMethods>, "reportStatus">;
  readonly executor: StepExecutor;
  readonly hold: Hold;
  readonly log: JobLog;
  readonly locator: SourceLocator;
  readonly guard: ProcessGuard;
  readonly loader: ModuleLoader;
  readonly newId: () => string;
  readonly cancelled: AbortSignal;
}

/** Rejects only when the control plane does not take that the job runs. */
export async function runPipelineFile(options: RunPipelineFileOptions): Promise<JobOutcome> {
  const { client, hold, guard, cancelled, log } = options;
  let run: PipelineRun | undefined;
  const broken = guard.failure.then((message): JobOutcome => {
    run?.fail(message);
    return pipelineError(message);
  });
  // Told while the file is loaded, which takes about as long.
  const told = hold.during(client.reportStatus({ phase: "running" }));
  told.catch(() => undefined); // awaited below
  const loaded = loadPipeline({ ...options, script: options.context.script }).then(
    (pipeline) => ({ pipeline }),
    (error: unknown): JobOutcome => {
      if (!(error instanceof PipelineLoadError)) throw error;
      if (error.cause instanceof Error && !(error.cause instanceof SyntaxError)) log.note(error.cause.stack ?? "");
      return pipelineError(error.message);
    },
  );
  const file = await Promise.race([loaded, broken, whenAborted(cancelled)]);
  // The outcome must not overtake it.
  await told;
  if (cancelled.aborted) return { status: "cancelled" };
  if (!("pipeline" in file)) return file;

  run = startPipeline({
    pipeline: file.pipeline,
    context: toContext(options.context, options.workspace),
    workers: options.context.workers,
    cancelGraceMs: options.context.cancelGraceMs,
    executor: options.executor,
    newId: options.newId,
    sourceRoot: options.workspace,
    note: (text) => log.note(text),
  });
  const started = run;
  const onCancel = (): void => started.cancel((cancelled.reason as Error).message);
  if (cancelled.aborted) onCancel();
  cancelled.addEventListener("abort", onCancel, { once: true });
  const outcome = await Promise.race([run.outcome, broken]);
  const exitCodeFailure = outcome.status === "success" ? guard.exitCodeFailure() : undefined;
  return exitCodeFailure === undefined ? outcome : pipelineError(exitCodeFailure);
}

function pipelineError(message: string): JobOutcome {
  return { status: "failure", reason: "pipeline_error", message };
}

function whenAborted(signal: AbortSignal): Promise<JobOutcome> {
  return new Promise((resolve) => {
    const onAbort = (): void => resolve({ status: "cancelled" });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

function toContext(context: JobContext, workspace: string) {
  const { jobId, pipelineName, number, attempt, checkout, params } = context;
  const { branch, tag, pullRequest, triggerType, triggerRef } = context;
  return {
    jobId,
    pipeline: pipelineName,
    number,
    attempt,
    repo: withoutCredentials(checkout.url),
    ...(checkout.commitSha === undefined ? {} : { commitSha: checkout.commitSha }),
    ...(branch === undefined ? {} : { branch }),
    ...(tag === undefined ? {} : { tag }),
    ...(pullRequest === undefined ? {} : { pullRequest: Object.freeze({ ...pullRequest }) }),
    triggerType,
    ...(triggerRef === undefined ? {} : { triggerRef }),
    params: Object.freeze({ ...params }),
    workspace,
  };
}
