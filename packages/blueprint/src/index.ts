export { type BlueprintError, formatBlueprintError } from "./blueprint-error.ts";
export { type BlueprintFileKind, blueprintSchemas, type JsonSchema } from "./blueprint-schemas.ts";
export { formatPlan } from "./format-plan.ts";
export { planChanges } from "./plan-changes.ts";
