// One job, from its sandbox file to its outcome.
import { realpath } from "node:fs/promises";
import type { Logger } from "@danube/kit";
import type { JobContext, JobMethods, JobOutcome, SandboxFile } from "@danube/protocol";
import type { RpcClient } from "@danube/rpc";
import { createSourceLocator, describeError } from "@danube/sdk/host";
import { attach } from "./attachment.ts";
import { CheckoutError } from "./checkout/checkout-error.ts";
import { prepareWorkspace } from "./checkout/prepare-workspace.ts";
import { createExecutor } from "./executor.ts";
import { createHold } from "./hold.ts";
import { createJobLog } from "./job-log.ts";
import { captureOutput } from "./output-capture.ts";
import type { ModuleLoader } from "./load/module-loader.ts";
import { guardProcess } from "./process-guard.ts";
import { runPipelineFile } from "./run-pipeline-file.ts";

export interface AppOptions {
  readonly sandbox: SandboxFile;
  /** Must not keep the process alive by itself. */
  readonly client: RpcClient<JobMethods>;
  readonly logger: Logger;
  readonly newId: () => string;
  readonly loader: ModuleLoader;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export interface App {
  /**
   * Runs the job and resolves once its outcome is stored. Rejects when the control plane refuses the job: there is nobody to
   * tell then. It changes this process for good (where its output goes, how it ends), so it is called once.
   */
  run(): Promise<void>;
}

export function createApp(options: AppOptions): App {
  return { run: () => runJob(options) };
}

async function runJob(options: AppOptions): Promise<void> {
  const { client, logger } = options;
  const hold = createHold();
  const ending = new AbortController();
  const log = createJobLog(client, logger);
  const attachment = attach({ client, logger, signal: ending.signal });
  try {
    const context = await hold.during(attachment.context);
    const finish = async (outcome: JobOutcome): Promise<void> => {
      if (outcome.status === "failure") log.note(`danube: ${outcome.message}`);
      const isWhole = await log.end();
      await client.reportStatus({ phase: "finished", outcome: isWhole ? outcome : withoutLog(outcome) });
    };
    const job = { ...options, context, log, hold, cancelled: attachment.cancelled, signal: ending.signal };
    const finished = decideOutcome(job).then((outcome) => hold.during(finish(outcome)));
    await Promise.race([finished, attachment.refused]);
  } finally {
    ending.abort();
  }
}

interface Job extends AppOptions {
  readonly context: JobContext;
  readonly log: ReturnType<typeof createJobLog>;
  readonly hold: ReturnType<typeof createHold>;
  /** Aborts when the job is cancelled. */
  readonly cancelled: AbortSignal;
  /** Aborts when the Coordinator ends. */
  readonly signal: AbortSignal;
}

async function decideOutcome(job: Job): Promise<JobOutcome> {
  const { sandbox, client, logger, newId, loader, environment, context, log, hold, cancelled, signal } = job;
  const workspace = await hold.during(realpath(sandbox.workspace));
  try {
    await hold.during(
      prepareWorkspace({
        context,
        sandbox,
        workspace,
        environment,
        log,
        signal: cancelled,
      }),
    );
  } catch (error) {
    if (cancelled.aborted) return { status: "cancelled" };
    if (!(error instanceof CheckoutError)) throw error;
    const reason = error.isTransient ? "infra_lost" : "pipeline_error";
    return { status: "failure", reason, message: error.message };
  }
  const { runDirectory, temporaryDirectory } = sandbox;
  const locator = createSourceLocator(workspace);
  const executor = createExecutor({
    client,
    workspace,
    runDirectory,
    temporaryDirectory,
    log,
    hold,
    logger,
    newId,
    signal,
  });
  captureOutput((chunk) => log.write(chunk));
  // In force until this process ends: what the file left running may still throw or leave while the outcome is told.
  const guard = guardProcess({
    locator,
    describe: (error) => describeError(error, locator),
    note: (text) => log.note(text),
  });
  return await runPipelineFile({
    context,
    workspace,
    client,
    executor,
    hold,
    log,
    locator,
    guard,
    loader,
    newId,
    cancelled,
  });
}

/** A job whose log is not whole is no success. */
function withoutLog(outcome: JobOutcome): JobOutcome {
  if (outcome.status !== "success") return outcome;
  const message = "What the pipeline file printed could not be stored in the job's log.";
  return { status: "failure", reason: "infra_lost", message };
}
