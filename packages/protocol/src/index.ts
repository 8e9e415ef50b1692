export { assertNever } from "./assert-never.ts";
export * from "./blueprint.ts";
export { Change } from "./change.ts";
export { Duration, parseDurationMs } from "./duration.ts";
export {
  DanubeError,
  type DanubeErrorOptions,
  type ErrorCode,
  errorCodes,
  fromProblem,
  isDanubeError,
  Problem,
  ProblemDetail,
  toProblem,
} from "./error.ts";
export { CommitSha, Id, ResourceName, SecretName, Sha256, Timestamp } from "./id.ts";
export { Artifact, Job, JobTrigger, ParameterValue, PipelineSummary, Step } from "./job.ts";
export {
  AttachEvent,
  JobContext,
  type JobMethods,
  JobOutcome,
  jobMethods,
  RunStepRequest,
  StatusReport,
  StepClientFrame,
  StepCommand,
  StepOffsets,
  StepResult,
  StepServerFrame,
  StepStream,
  UploadArtifactRequest,
} from "./job-methods.ts";
export type {
  DownloadMethod,
  DuplexMethod,
  Method,
  MethodsOfKind,
  MethodTable,
  StreamMethod,
  UnaryMethod,
  UploadMethod,
} from "./method.ts";
export { parseWith, toPointer } from "./parse.ts";
export {
  ApiToken,
  BlueprintSync,
  type Queries,
  type QueryMethods,
  queryMethods,
  SecretSummary,
  StoredPipeline,
} from "./query-methods.ts";
export * from "./rest.ts";
export { SandboxFile, sandboxFileName } from "./sandbox-file.ts";
export {
  Actor,
  type CommandMethods,
  type Commands,
  commandMethods,
  NewJob,
  type ServiceMethods,
  serviceMethods,
} from "./service-methods.ts";
export { FinalJobStatus, infrastructureReasons, isFinal, JobStatus, Reason, StepStatus } from "./status.ts";
export { parseExitFile, type StepFileName, stepDirectory, stepFile, stepFileNames } from "./step-files.ts";
export { Forge, PullRequestInfo, Trigger, TriggerEvent, TriggerType } from "./trigger.ts";
