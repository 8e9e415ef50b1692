// The writing side: for the control plane alone.
export { sqlBuilder } from "../sql/builder.ts";
export type { ReadTransaction, WriteTransaction } from "../sql/transaction.ts";
export type { JobRecord } from "../rows/job.ts";
export type { Tables } from "../schema.ts";
export { openWriter, type OpenWriterOptions } from "./open-writer.ts";
export type { StorageState, TransactionOptions, Writer } from "./writer.ts";
export { getAppliedConfiguration } from "./applied-configuration.ts";
export { applyConfiguration, type ConfigurationToApply } from "./apply-configuration.ts";
export {
  createArtifact,
  deleteArtifact,
  findArtifact,
  findArtifactByName,
  listOldArtifacts,
} from "./artifacts.ts";
export { type AuditEntry, deleteAuditBefore, recordAudit } from "./audit.ts";
export { recordBlueprintSync } from "./blueprint-syncs.ts";
export { createJob } from "./create-job.ts";
export { advanceCronSlot } from "./cron-slots.ts";
export { type NewDelivery, recordDelivery } from "./deliveries.ts";
export { deleteJobRun, findJobTokenHash, getJobRun, type JobRun, keepJobRun, setJobCommit } from "./job-runs.ts";
export {
  explainJob,
  findJob,
  findJobByToken,
  getJob,
  listActiveJobs,
  listEndedJobsWithSandbox,
  listJobsWithOldLog,
  markLogDeleted,
  markSandboxDeleted,
  recordJobOutcome,
  setJobToken,
} from "./jobs.ts";
export { findPipelineByName, getPipeline, getPipelineOfJob } from "./pipelines.ts";
export {
  deleteSecret,
  findSecret,
  listSecretsOfPipeline,
  listStoredSecrets,
  putSecret,
  rekeySecret,
  type SecretKey,
  type StoredSecret,
} from "./secrets.ts";
export {
  deleteStepRuns,
  keepStepRun,
  listStepRuns,
  markStepSignalled,
  restartStepRun,
  type StepRun,
} from "./step-runs.ts";
export {
  findStep,
  finishRunningSteps,
  finishStep,
  getStep,
  listSteps,
  type NewStep,
  startStep,
  type StepEnd,
} from "./steps.ts";
export { createToken, type NewApiToken, revokeToken } from "./tokens.ts";
export {
  type CancellationResult,
  type JobTransition,
  requestCancellation,
  type TransitionRequest,
  type TransitionResult,
  transitionJob,
} from "./transition-job.ts";
export {
  decideTrigger,
  findTrigger,
  getTrigger,
  listJobsOfTrigger,
  type NewTrigger,
  recordTrigger,
  type RecordedTrigger,
} from "./triggers.ts";
