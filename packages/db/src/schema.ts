// The tables of danube.db as Kysely sees them; migrations/ makes them. Rows stay inside this package.
// Times are ISO 8601 text in UTC, booleans are 0 and 1, columns that hold JSON say so.
import type { Forge, JobStatus, Reason, StepStatus, TriggerType } from "@danube/protocol";

/** 0 is false, 1 is true. */
export type SqlBoolean = 0 | 1;

export interface UsersTable {
  id: string;
  name: string;
  email: string;
  password_hash: string | null;
  created_at: string;
  updated_at: string;
}

export interface TeamsTable {
  id: string;
  name: string;
  global_admin: SqlBoolean;
  created_at: string;
  updated_at: string;
}

/** Members are known by e-mail, the name that the identity provider tells; not every one has a row in `users`. */
export interface TeamMembersTable {
  team_id: string;
  email: string;
}

export interface PipelinesTable {
  id: string;
  name: string;
  team: string | null;
  repository: string;
  script: string;
  /** The newest row of `pipeline_revisions`. */
  revision: number;
  next_job_number: number;
  created_at: string;
  updated_at: string;
  archived_at: string | null;
}

/** Every document a pipeline ever had: a job keeps the one it was made under, whatever is applied later. */
export interface PipelineRevisionsTable {
  pipeline_id: string;
  revision: number;
  /** JSON: PipelineDocument. */
  document: string;
  created_at: string;
}

export interface PipelinePermissionsTable {
  pipeline_id: string;
  team_id: string;
  level: "read" | "write" | "admin";
}

export interface TriggersTable {
  id: string;
  deduplication_key: string;
  type: TriggerType;
  /** JSON: TriggerEvent. */
  event: string;
  status: "received" | "decided";
  outcome: string | null;
  received_at: string;
  decided_at: string | null;
}

export interface WebhookDeliveriesTable {
  id: string;
  forge: Forge;
  forge_delivery_id: string;
  event: string;
  body_sha256: string;
  result: "accepted" | "ignored";
  detail: string | null;
  trigger_id: string | null;
  received_at: string;
}

/** `expected`: a sandbox may exist and must be deleted before the job is done with. */
export type SandboxState = "none" | "expected" | "deleted";

export interface JobsTable {
  id: string;
  pipeline_id: string;
  /** The pipeline's document under which it runs. */
  pipeline_revision: number;
  number: number;
  attempt: number;
  parent_job_id: string | null;
  status: JobStatus;
  reason: Reason | null;
  message: string | null;
  trigger_type: TriggerType;
  trigger_id: string | null;
  trigger_ref: string | null;
  trigger_branch: string | null;
  trigger_tag: string | null;
  trigger_sha: string | null;
  trigger_message: string | null;
  trigger_actor: string | null;
  /** JSON: PullRequestInfo. */
  trigger_pull_request: string | null;
  /** JSON: an object of parameter values. */
  params: string;
  version: number;
  /** SHA-256 of the job's bearer token; gone once the job is final. */
  token_sha256: string | null;
  sandbox: SandboxState;
  /** JSON: JobOutcome, what the Coordinator reported. */
  outcome: string | null;
  cancel_reason: Reason | null;
  cancel_message: string | null;
  cancel_requested_at: string | null;
  created_at: string;
  /** When it was admitted (`scheduling`). */
  queued_at: string | null;
  started_at: string | null;
  finished_at: string | null;
  log_deleted_at: string | null;
}

export interface StepsTable {
  id: string;
  job_id: string;
  parent_id: string | null;
  kind: "command" | "group";
  name: string;
  sequence: number;
  attempt: number;
  status: StepStatus;
  reason: Reason | null;
  message: string | null;
  soft: SqlBoolean;
  exit_code: number | null;
  log_offset_start: number | null;
  log_offset_end: number | null;
  command_sha256: string | null;
  started_at: string;
  finished_at: string | null;
}

/** What the control plane keeps of an active job for itself; the row goes when the job's sandbox is gone. */
export interface JobRunsTable {
  job_id: string;
  workspace_directory: string | null;
  scheduled_mark: string | null;
  started_mark: string | null;
  ending_mark: string | null;
}

/** The same of a command step. */
export interface StepRunsTable {
  step_id: string;
  job_id: string;
  worker: string | null;
  timeout_ms: number | null;
  started_mark: string;
  signalled: "timeout" | "cancelled" | null;
}

export interface SecretsTable {
  id: string;
  /** Null: a secret of all pipelines. */
  pipeline_id: string | null;
  name: string;
  key_id: string;
  /** `[12-byte nonce][ciphertext][16-byte tag]`, AES-256-GCM. */
  ciphertext: Buffer;
  created_at: string;
  updated_at: string;
}

export interface ArtifactsTable {
  id: string;
  job_id: string;
  name: string;
  file_name: string;
  kind: "file" | "archive";
  size_bytes: number;
  sha256: string;
  created_at: string;
}

/** Rows are only added, and go only by retention (`deleteAuditBefore`). */
export interface AuditLogTable {
  id: string;
  created_at: string;
  subject: string;
  address: string | null;
  action: string;
  target: string | null;
  result: "ok" | "denied" | "failed";
  detail: string | null;
}

/** At most one row, while a retention run deletes: rows of `audit_log` older than this may go. */
export interface AuditRetentionTable {
  id: 1;
  delete_before: string;
}

export interface ApiTokensTable {
  id: string;
  name: string;
  subject: string;
  token_sha256: string;
  /** JSON: an array of strings. */
  scopes: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
}

export interface BlueprintSyncsTable {
  id: string;
  status: "applied" | "unchanged" | "failed";
  commit_sha: string | null;
  /** JSON: an array of sentences. */
  errors: string;
  changes_applied: number;
  started_at: string;
  finished_at: string;
}

/** The last slot fired for each pipeline and schedule. */
export interface CronSlotsTable {
  pipeline_id: string;
  schedule: string;
  slot: string;
}

/** One row once a Blueprint has been applied. */
export interface ConfigurationTable {
  id: 1;
  commit_sha: string | null;
  /** JSON: BlueprintConfiguration, the whole of it; users, teams and pipelines are rows as well, to be looked up. */
  document: string;
  applied_at: string;
}

export interface SchemaMigrationsTable {
  version: number;
  name: string;
  applied_at: string;
}

/** All tables by name. */
export interface Tables {
  users: UsersTable;
  teams: TeamsTable;
  team_members: TeamMembersTable;
  pipelines: PipelinesTable;
  pipeline_revisions: PipelineRevisionsTable;
  pipeline_permissions: PipelinePermissionsTable;
  triggers: TriggersTable;
  webhook_deliveries: WebhookDeliveriesTable;
  jobs: JobsTable;
  steps: StepsTable;
  job_runs: JobRunsTable;
  step_runs: StepRunsTable;
  secrets: SecretsTable;
  artifacts: ArtifactsTable;
  audit_log: AuditLogTable;
  audit_retention: AuditRetentionTable;
  api_tokens: ApiTokensTable;
  blueprint_syncs: BlueprintSyncsTable;
  cron_slots: CronSlotsTable;
  configuration: ConfigurationTable;
  schema_migrations: SchemaMigrationsTable;
}
