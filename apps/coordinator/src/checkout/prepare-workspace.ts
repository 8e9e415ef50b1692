// Gets the workspace ready for the pipeline file.
import type { JobContext, SandboxFile } from "@danube/protocol";
import type { JobLog } from "../job-log.ts";
import { checkOut } from "./check-out.ts";
import { withoutCredentials } from "./git-environment.ts";

/** Checks out the job's commit, if it has one. Rejects with a CheckoutError, or with the signal's reason. */
export async function prepareWorkspace(options: {
  readonly context: JobContext;
  readonly sandbox: SandboxFile;
  readonly workspace: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: JobLog;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { context, sandbox, workspace, environment, log, signal } = options;
  const { url, commitSha, ref, authorization } = context.checkout;
  if (commitSha === undefined || sandbox.workspaceIsShared) return;
  await checkOut({ url, commitSha, ref, authorization, workspace, environment, signal });
  // Without the time it took: a log is the same however often it is made.
  log.note(`danube: checked out ${commitSha} of ${withoutCredentials(url)}`);
}
