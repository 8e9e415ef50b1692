// Gets the workspace ready for the pipeline file, and this process beside it.
import type { JobContext, SandboxFile } from "@danube/protocol";
import type { JobLog } from "../job-log.ts";
import { warmUp } from "../warm-up.ts";
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
  const startedMs = performance.now();
  const checkout = checkOut({ url, commitSha, ref, authorization, workspace, environment, signal });
  // While git works.
  warmUp();
  await checkout;
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(2);
  log.note(`danube: checked out ${commitSha} of ${withoutCredentials(url)} in ${seconds} s`);
}
