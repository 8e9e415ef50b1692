// What a pipeline file exports, and what its function is given.
import type { Artifacts } from "./artifacts.ts";
import type { Context } from "./context.ts";
import type { Secrets } from "./secrets.ts";
import type { Step } from "./step.ts";

/** Everything that a pipeline function can use, in one argument to take apart. */
export interface PipelineApi {
  /** Runs commands in the job's workers, and groups them. */
  readonly step: Step;
  /** What this job is about: branch, commit, parameters, and the signal of its cancellation. */
  readonly ctx: Context;
  /** The secrets that this pipeline may read. */
  readonly secrets: Secrets;
  /** Files that outlive the job. */
  readonly artifacts: Artifacts;
}

/**
 * A pipeline: an ordinary function. The job succeeds when it returns (or its promise is fulfilled) and fails when it throws,
 * or when a step that it started was not awaited. Its value is not used.
 */
export type Pipeline = (api: PipelineApi) => unknown;

/**
 * Declares a pipeline. It returns `run` as it is and exists for the types: editors then complete `step`, `ctx` and the rest.
 *
 * @example
 * ```ts
 * import { pipeline } from "@danube/sdk";
 *
 * export default pipeline(async ({ step, ctx, artifacts }) => {
 *   await step.run("npm ci", { name: "Install" });
 *   await step.parallel([
 *     () => step.run("npm run lint"),
 *     () => step.run("npm test", { timeout: "10m", retry: { attempts: 2 } }),
 *   ]);
 *   if (ctx.branch === "main") await artifacts.upload("dist/", { name: "site" });
 * });
 * ```
 */
export function pipeline(run: Pipeline): Pipeline {
  return run;
}
