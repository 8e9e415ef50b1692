export type { LauncherCommand, RuntimeDriver, SandboxObservation, SandboxSpec, StepProbe } from "./driver.ts";
