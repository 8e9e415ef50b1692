export { createApp, type Scheduler, type SchedulerDependencies } from "./app.ts";
export type { BlueprintSource, SyncResult } from "./blueprint-sync.ts";
