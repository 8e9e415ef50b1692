export type {
  LauncherCommand,
  RuntimeConfiguration,
  RuntimeDriver,
  SandboxObservation,
  SandboxSpec,
  StepProbe,
} from "./driver.ts";
export { type LauncherPlace, launcherArguments, parseLauncherAnswer } from "./launcher.ts";
export { launcherScript } from "./launcher/launcher-script.ts";
export { buildExports, buildStepScript, type StepScriptOptions } from "./step-script.ts";
