export { type BlueprintError, formatBlueprintError } from "./blueprint-error.ts";
export { type BlueprintFileKind, blueprintSchemas, type JsonSchema } from "./blueprint-schemas.ts";
export { type CronSchedule, createCronSchedule } from "./cron-schedule.ts";
export { formatPlan } from "./format-plan.ts";
export { createGlobFilter, type GlobFilter } from "./glob.ts";
export { type BlueprintResult, parseBlueprint } from "./parse-blueprint.ts";
export { planChanges } from "./plan-changes.ts";
export { normaliseRepositoryUrl } from "./repository-url.ts";
export {
  type BlueprintLocation,
  type FetchedBlueprint,
  fetchBlueprint,
  findBlueprintCommit,
} from "./fetch-blueprint.ts";
