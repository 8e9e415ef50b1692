// The schema as of version 1. Longer than other files because it is one thing: the tables belong together.
//
// The database guards by itself what must never be wrong whatever the code above it does: statuses and their order, that
// what is final stays, that a success has its proof, and that the audit log only grows.
import type { Migration } from "./migration.ts";

const reasons = [
  "step_failed",
  "pipeline_error",
  "timeout",
  "cancelled_by_user",
  "superseded",
  "oom_killed",
  "image_pull",
  "unschedulable",
  "evicted",
  "infra_lost",
  "policy_denied",
]
  .map((reason) => `'${reason}'`)
  .join(", ");

const people = `
CREATE TABLE users (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL UNIQUE,
  email TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password_hash TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE teams (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL UNIQUE,
  global_admin INTEGER NOT NULL CHECK (global_admin IN (0, 1)),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;

CREATE TABLE team_members (
  team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  email TEXT NOT NULL COLLATE NOCASE,
  PRIMARY KEY (team_id, email)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_email ON team_members (email);

CREATE TABLE api_tokens (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  subject TEXT NOT NULL,
  token_sha256 TEXT NOT NULL UNIQUE CHECK (length(token_sha256) = 64),
  scopes TEXT NOT NULL CHECK (json_type(scopes) = 'array'),
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT
) STRICT;
`;

const pipelines = `
CREATE TABLE pipelines (
  id TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL UNIQUE,
  team TEXT,
  repository TEXT NOT NULL,
  script TEXT NOT NULL,
  revision INTEGER NOT NULL CHECK (revision >= 1),
  next_job_number INTEGER NOT NULL CHECK (next_job_number >= 1),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  archived_at TEXT
) STRICT;

CREATE TABLE pipeline_revisions (
  pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
  revision INTEGER NOT NULL CHECK (revision >= 1),
  document TEXT NOT NULL CHECK (json_type(document) = 'object'),
  created_at TEXT NOT NULL,
  PRIMARY KEY (pipeline_id, revision)
) STRICT, WITHOUT ROWID;

CREATE TABLE pipeline_permissions (
  pipeline_id TEXT NOT NULL REFERENCES pipelines (id) ON DELETE CASCADE,
  team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  level TEXT NOT NULL CHECK (level IN ('read', 'write', 'admin')),
  PRIMARY KEY (pipeline_id, team_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pipeline_permissions_team ON pipeline_permissions (team_id);

CREATE TABLE configuration (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  commit_sha TEXT,
  document TEXT NOT NULL CHECK (json_type(document) = 'object'),
  applied_at TEXT NOT NULL
) STRICT;

CREATE TABLE blueprint_syncs (
  id TEXT PRIMARY KEY NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('applied', 'unchanged', 'failed')),
  commit_sha TEXT,
  errors TEXT NOT NULL CHECK (json_type(errors) = 'array'),
  changes_applied INTEGER NOT NULL CHECK (changes_applied >= 0),
  started_at TEXT NOT NULL,
  finished_at TEXT NOT NULL
) STRICT;
CREATE INDEX blueprint_syncs_finished ON blueprint_syncs (finished_at, id);

CREATE TABLE secrets (
  id TEXT PRIMARY KEY NOT NULL,
  pipeline_id TEXT REFERENCES pipelines (id),
  name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  ciphertext BLOB NOT NULL CHECK (length(ciphertext) >= 28),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX secrets_of_pipeline ON secrets (pipeline_id, name) WHERE pipeline_id IS NOT NULL;
CREATE UNIQUE INDEX secrets_global ON secrets (name) WHERE pipeline_id IS NULL;

CREATE TABLE cron_slots (
  pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
  schedule TEXT NOT NULL,
  slot TEXT NOT NULL,
  PRIMARY KEY (pipeline_id, schedule)
) STRICT, WITHOUT ROWID;
`;

const triggers = `
CREATE TABLE triggers (
  id TEXT PRIMARY KEY NOT NULL,
  deduplication_key TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL CHECK (type IN ('push', 'tag', 'pull_request', 'cron', 'manual', 'rerun')),
  event TEXT NOT NULL CHECK (json_type(event) = 'object'),
  status TEXT NOT NULL CHECK (status IN ('received', 'decided')),
  outcome TEXT,
  received_at TEXT NOT NULL,
  decided_at TEXT,
  CHECK ((status = 'decided') = (decided_at IS NOT NULL)),
  CHECK ((status = 'decided') = (outcome IS NOT NULL))
) STRICT;
CREATE INDEX triggers_undecided ON triggers (received_at, id) WHERE status = 'received';

CREATE TRIGGER triggers_decided_once BEFORE UPDATE ON triggers WHEN OLD.status = 'decided'
BEGIN SELECT RAISE(ABORT, 'a trigger is decided once'); END;

CREATE TABLE webhook_deliveries (
  id TEXT PRIMARY KEY NOT NULL,
  forge TEXT NOT NULL CHECK (forge IN ('github', 'gitlab', 'danube')),
  forge_delivery_id TEXT NOT NULL,
  event TEXT NOT NULL,
  body_sha256 TEXT NOT NULL CHECK (length(body_sha256) = 64),
  result TEXT NOT NULL CHECK (result IN ('accepted', 'ignored')),
  detail TEXT,
  trigger_id TEXT REFERENCES triggers (id),
  received_at TEXT NOT NULL,
  UNIQUE (forge, forge_delivery_id)
) STRICT;
CREATE INDEX webhook_deliveries_trigger ON webhook_deliveries (trigger_id) WHERE trigger_id IS NOT NULL;
`;

const jobs = `
CREATE TABLE jobs (
  id TEXT PRIMARY KEY NOT NULL,
  pipeline_id TEXT NOT NULL REFERENCES pipelines (id),
  pipeline_revision INTEGER NOT NULL,
  number INTEGER NOT NULL CHECK (number >= 1),
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  parent_job_id TEXT REFERENCES jobs (id),
  status TEXT NOT NULL
    CHECK (status IN ('pending', 'scheduling', 'running', 'success', 'failure', 'timeout', 'cancelled')),
  reason TEXT CHECK (reason IN (${reasons})),
  message TEXT,
  trigger_type TEXT NOT NULL CHECK (trigger_type IN ('push', 'tag', 'pull_request', 'cron', 'manual', 'rerun')),
  trigger_id TEXT REFERENCES triggers (id),
  trigger_ref TEXT,
  trigger_branch TEXT,
  trigger_tag TEXT,
  trigger_sha TEXT,
  trigger_message TEXT,
  trigger_actor TEXT,
  trigger_pull_request TEXT CHECK (trigger_pull_request IS NULL OR json_type(trigger_pull_request) = 'object'),
  params TEXT NOT NULL CHECK (json_type(params) = 'object'),
  version INTEGER NOT NULL CHECK (version >= 1),
  token_sha256 TEXT UNIQUE CHECK (length(token_sha256) = 64),
  sandbox TEXT NOT NULL CHECK (sandbox IN ('none', 'expected', 'deleted')),
  outcome TEXT CHECK (outcome IS NULL OR json_type(outcome) = 'object'),
  cancel_reason TEXT CHECK (cancel_reason IN (${reasons})),
  cancel_message TEXT,
  cancel_requested_at TEXT,
  created_at TEXT NOT NULL,
  queued_at TEXT,
  started_at TEXT,
  finished_at TEXT,
  log_deleted_at TEXT,
  UNIQUE (pipeline_id, number, attempt),
  FOREIGN KEY (pipeline_id, pipeline_revision) REFERENCES pipeline_revisions (pipeline_id, revision),
  CHECK ((status IN ('success', 'failure', 'timeout', 'cancelled')) = (finished_at IS NOT NULL)),
  CHECK ((status IN ('failure', 'timeout', 'cancelled')) = (reason IS NOT NULL)),
  CHECK (reason IS NULL OR message IS NOT NULL),
  CHECK (finished_at IS NULL OR token_sha256 IS NULL),
  CHECK ((cancel_requested_at IS NULL) = (cancel_reason IS NULL)),
  CHECK ((cancel_requested_at IS NULL) = (cancel_message IS NULL))
) STRICT;
CREATE INDEX jobs_created ON jobs (created_at, id);
CREATE INDEX jobs_pipeline ON jobs (pipeline_id, created_at, id);
CREATE INDEX jobs_status ON jobs (status, created_at, id);
CREATE INDEX jobs_pipeline_status ON jobs (pipeline_id, status, created_at, id);
CREATE INDEX jobs_branch ON jobs (trigger_branch, created_at, id);
CREATE INDEX jobs_pipeline_branch ON jobs (pipeline_id, trigger_branch, created_at, id);
CREATE INDEX jobs_trigger ON jobs (trigger_id);
CREATE INDEX jobs_parent ON jobs (parent_job_id) WHERE parent_job_id IS NOT NULL;
CREATE INDEX jobs_ended_with_sandbox ON jobs (finished_at) WHERE sandbox = 'expected' AND finished_at IS NOT NULL;
CREATE INDEX jobs_with_log ON jobs (finished_at) WHERE finished_at IS NOT NULL AND log_deleted_at IS NULL;

CREATE TRIGGER jobs_begin BEFORE INSERT ON jobs WHEN NEW.status NOT IN ('pending', 'scheduling')
BEGIN SELECT RAISE(ABORT, 'a job begins as pending or scheduling'); END;

CREATE TRIGGER jobs_final BEFORE UPDATE ON jobs
WHEN OLD.status IN ('success', 'failure', 'timeout', 'cancelled') AND (
  NEW.status IS NOT OLD.status OR NEW.reason IS NOT OLD.reason OR NEW.message IS NOT OLD.message
  OR NEW.finished_at IS NOT OLD.finished_at OR NEW.outcome IS NOT OLD.outcome OR NEW.id IS NOT OLD.id)
BEGIN SELECT RAISE(ABORT, 'a final state of a job never changes'); END;

CREATE TRIGGER jobs_order BEFORE UPDATE OF status ON jobs
WHEN NEW.status IS NOT OLD.status AND OLD.status IN ('pending', 'scheduling', 'running') AND NOT (
  (OLD.status = 'pending' AND NEW.status IN ('scheduling', 'failure', 'timeout', 'cancelled'))
  OR (OLD.status = 'scheduling' AND NEW.status IN ('running', 'failure', 'timeout', 'cancelled'))
  OR (OLD.status = 'running' AND NEW.status IN ('success', 'failure', 'timeout', 'cancelled')))
BEGIN SELECT RAISE(ABORT, 'a job goes from pending over scheduling and running to a final state'); END;

CREATE TRIGGER jobs_version BEFORE UPDATE ON jobs WHEN NEW.version <= OLD.version
BEGIN SELECT RAISE(ABORT, 'a change of a job makes its version grow'); END;

CREATE TRIGGER jobs_kept BEFORE DELETE ON jobs
WHEN OLD.status IN ('pending', 'scheduling', 'running') OR OLD.sandbox = 'expected'
BEGIN SELECT RAISE(ABORT, 'a job of which something is left is not deleted'); END;
`;

const steps = `
CREATE TABLE steps (
  id TEXT PRIMARY KEY NOT NULL,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  parent_id TEXT REFERENCES steps (id),
  kind TEXT NOT NULL CHECK (kind IN ('command', 'group')),
  name TEXT NOT NULL,
  sequence INTEGER NOT NULL CHECK (sequence >= 1),
  attempt INTEGER NOT NULL CHECK (attempt >= 1),
  status TEXT NOT NULL CHECK (status IN ('running', 'success', 'failure', 'timeout', 'cancelled', 'lost')),
  reason TEXT CHECK (reason IN (${reasons})),
  message TEXT,
  soft INTEGER NOT NULL CHECK (soft IN (0, 1)),
  exit_code INTEGER CHECK (exit_code BETWEEN 0 AND 255),
  log_offset_start INTEGER CHECK (log_offset_start >= 0),
  log_offset_end INTEGER CHECK (log_offset_end >= log_offset_start),
  command_sha256 TEXT CHECK (length(command_sha256) = 64),
  started_at TEXT NOT NULL,
  finished_at TEXT,
  CHECK ((status = 'running') = (finished_at IS NULL)),
  CHECK (kind <> 'command' OR status <> 'success' OR exit_code IS 0)
) STRICT;
CREATE INDEX steps_job ON steps (job_id, sequence, attempt, id);
CREATE INDEX steps_parent ON steps (parent_id) WHERE parent_id IS NOT NULL;

CREATE TRIGGER steps_final BEFORE UPDATE ON steps
WHEN OLD.status <> 'running' AND (
  NEW.status IS NOT OLD.status OR NEW.exit_code IS NOT OLD.exit_code OR NEW.reason IS NOT OLD.reason
  OR NEW.message IS NOT OLD.message OR NEW.finished_at IS NOT OLD.finished_at OR NEW.job_id IS NOT OLD.job_id)
BEGIN SELECT RAISE(ABORT, 'the end of a step never changes'); END;

CREATE TABLE artifacts (
  id TEXT PRIMARY KEY NOT NULL,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  file_name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('file', 'archive')),
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  created_at TEXT NOT NULL,
  UNIQUE (job_id, name)
) STRICT;
CREATE INDEX artifacts_created ON artifacts (created_at, id);
`;

const audit = `
CREATE TABLE audit_log (
  id TEXT PRIMARY KEY NOT NULL,
  created_at TEXT NOT NULL,
  subject TEXT NOT NULL,
  address TEXT,
  action TEXT NOT NULL,
  target TEXT,
  result TEXT NOT NULL CHECK (result IN ('ok', 'denied', 'failed')),
  detail TEXT
) STRICT;
CREATE INDEX audit_log_created ON audit_log (created_at, id);

CREATE TABLE audit_retention (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  delete_before TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_log_unchanged BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;

CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log
WHEN NOT EXISTS (SELECT 1 FROM audit_retention WHERE OLD.created_at < delete_before)
BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
`;

// Rows of these two live only as long as their job's sandbox.
const runs = `
CREATE TABLE job_runs (
  job_id TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  workspace_directory TEXT,
  scheduled_mark TEXT,
  started_mark TEXT,
  ending_mark TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE step_runs (
  step_id TEXT PRIMARY KEY NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
  job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  worker TEXT,
  timeout_ms INTEGER CHECK (timeout_ms > 0),
  started_mark TEXT NOT NULL,
  signalled TEXT CHECK (signalled IN ('timeout', 'cancelled'))
) STRICT, WITHOUT ROWID;
CREATE INDEX step_runs_job ON step_runs (job_id);
`;

export const initial: Migration = {
  version: 1,
  name: "initial",
  apply: (sqlite) => {
    for (const part of [people, pipelines, triggers, jobs, steps, audit, runs]) sqlite.exec(part);
  },
};
