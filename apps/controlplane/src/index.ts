export { type ControlPlane, type ControlPlaneDependencies, createApp } from "./app.ts";
export { type ControlPlaneConfig, controlPlaneDefaults, dataPaths, toControlPlaneConfig } from "./config.ts";
export { composeDriver, type DriverCompositionOptions } from "./driver-composition.ts";
export { defaultTimings, type JobTimings } from "./jobs/job-environment.ts";
export type { LocalJobRequest } from "./jobs/local-job.ts";
