export type { Artifact, Artifacts, DownloadOptions, UploadOptions } from "./artifacts.ts";
export type { Context, PullRequest } from "./context.ts";
export { CancelledError, ParallelError, StepError, type StepErrorDetails, type StepFailureStatus } from "./errors.ts";
export { type Pipeline, type PipelineApi, pipeline } from "./pipeline.ts";
export type { Secrets } from "./secrets.ts";
export type {
  CapturedResult,
  ParallelOptions,
  RetryCondition,
  RetryOptions,
  RunOptions,
  ShellTag,
  ShellValue,
  Step,
  StepResult,
} from "./step.ts";
