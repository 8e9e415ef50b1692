// Whether what a forge tells is something a pipeline wants to run for.
//
// - `branches` of push and pull_request triggers, and the pipeline's `branch_filter`, are about the branch that is pushed, and
//   for a pull request about the branch it wants to go into. `branch_filter` must pass as well as the trigger's own.
// - `paths` pass if any touched path does. Where the forge did not tell all of them, they pass: "not known" is not "none".
// - Tags have no branch: `branch_filter` does not concern them.
import { createGlobFilter, type GlobFilter } from "@danube/blueprint";
import { assertNever, type PipelineSpec, type PipelineTrigger, type TriggerEvent } from "@danube/protocol";
import { branchOf, tagOf } from "./event-ref.ts";
import { show } from "./show.ts";

/** Why `spec` does not run for a push, tag or pull request, as the end of a sentence; undefined: it does. */
export function findMismatch(spec: PipelineSpec, event: TriggerEvent): string | undefined {
  const triggers = spec.triggers.filter((trigger) => trigger.on === event.type);
  if (triggers.length === 0) return `it has no ${event.type} trigger`;
  const branch = event.type === "pull_request" ? event.pullRequest?.baseBranch : branchOf(event);
  if (event.type !== "tag" && !passes(spec.branch_filter, branch))
    return `its branch_filter does not take the branch ${show(branch ?? "")}`;
  const mismatches = triggers.map((trigger) => findTriggerMismatch(trigger, event, branch));
  return mismatches.includes(undefined) ? undefined : mismatches[0];
}

function findTriggerMismatch(
  trigger: PipelineTrigger,
  event: TriggerEvent,
  branch: string | undefined,
): string | undefined {
  switch (trigger.on) {
    case "push":
    case "pull_request": {
      if (!passes(trigger.branches, branch)) return `its branches do not take ${show(branch ?? "")}`;
      const { changedPaths } = event;
      if (trigger.paths && changedPaths && !changedPaths.some(filterOf(trigger.paths)))
        return "none of the changed paths is among its paths";
      return undefined;
    }
    case "tag": {
      const tag = tagOf(event);
      return passes(trigger.tags, tag) ? undefined : `its tags do not take ${show(tag ?? "")}`;
    }
    case "cron":
    case "manual":
      return undefined;
    default:
      return assertNever(trigger);
  }
}

/** Whether a name passes a filter; without a filter everything does, and without a name nothing passes one. */
export function passes(globs: readonly string[] | undefined, name: string | undefined): boolean {
  return globs === undefined || (name !== undefined && filterOf(globs)(name));
}

/** Filters are made once for each list in a configuration, which lives until the next configuration. */
const filters = new WeakMap<readonly string[], GlobFilter>();

function filterOf(globs: readonly string[]): GlobFilter {
  const known = filters.get(globs);
  if (known) return known;
  const filter = createGlobFilter(globs);
  filters.set(globs, filter);
  return filter;
}
