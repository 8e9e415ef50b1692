// What the pipeline asks for, carried out by calls to the control plane.
import { type JobMethods, isDanubeError } from "@danube/protocol";
import type { Logger } from "@danube/kit";
import type { RpcClient } from "@danube/rpc";
import type { StepExecutor } from "@danube/sdk/host";
import type { Hold } from "./hold.ts";
import type { JobLog } from "./job-log.ts";
import { followStep } from "./steps/follow-step.ts";

export interface ExecutorOptions {
  readonly client: RpcClient<JobMethods>;
  readonly workspace: string;
  readonly runDirectory: string;
  readonly temporaryDirectory: string;
  readonly log: JobLog;
  readonly hold: Hold;
  readonly logger: Logger;
  readonly newId: () => string;
  /** The Coordinator ends: gives up whatever is under way. */
  readonly signal: AbortSignal;
}

export function createExecutor(options: ExecutorOptions): StepExecutor {
  const { client, runDirectory, log, hold, logger, signal } = options;
  const runStep: StepExecutor["runStep"] = async (request) => {
    // What the file printed before the step comes before it in the log.
    await log.flush();
    return await followStep({ client, runDirectory, request, logger, signal });
  };
  const getSecret = async (name: string): Promise<string> => {
    try {
      return (await client.getSecret({ name }, { signal })).value;
    } catch (error) {
      // The sentence is for the pipeline's author; where it was asked for is in the stack of a new error.
      if (isDanubeError(error)) throw new Error(`secrets.get("${name}"): ${error.message}`, { cause: error });
      throw error;
    }
  };
  return {
    runStep: (request) => hold.during(runStep(request)),
    reportGroup: (report) => hold.during(client.reportGroup(report, { signal }).then(() => undefined)),
    getSecret: (name) => hold.during(getSecret(name)),
    uploadArtifact: (request) =>
      hold.during(
        import("./artifacts/upload-artifact.ts").then(({ uploadArtifact }) => uploadArtifact(options, request)),
      ),
    downloadArtifact: (request) =>
      hold.during(
        import("./artifacts/download-artifact.ts").then(({ downloadArtifact }) => downloadArtifact(options, request)),
      ),
  };
}
