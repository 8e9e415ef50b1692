export type { GroupReport, StepEnd, StepExecutor, StepRequest } from "./executor.ts";
export { describeError } from "./outcome.ts";
export { createSourceLocator, type SourceLocator } from "./source-location.ts";
export { type PipelineRun, type PipelineRunOptions, startPipeline } from "./start-pipeline.ts";
