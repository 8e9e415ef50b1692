// What Danube's own services ask of the writer, on a listener of its own with the service credential. A job's token is
// worth nothing here. Every mutation names by an id of the caller's choice what it makes, so that a retry changes nothing.
import { z } from "zod";
import { BlueprintChange, BlueprintConfiguration } from "./blueprint.ts";
import { Change } from "./change.ts";
import { Id, SecretName, Sha256, Timestamp } from "./id.ts";
import { Job, JobTrigger, ParameterValue } from "./job.ts";
import type { MethodTable, UnaryMethod } from "./method.ts";
import { queryMethods } from "./query-methods.ts";
import { Forge, TriggerEvent } from "./trigger.ts";

const command = <Q extends z.ZodType, R extends z.ZodType>(name: string, request: Q, response: R) =>
  ({
    kind: "unary",
    path: `/service/${name}` as `/${string}`,
    deadlineMs: 30_000,
    request,
    response,
  }) as const satisfies UnaryMethod;

/** Who acts, for the audit log and the job's page. */
export const Actor = z.object({ subject: z.string(), address: z.string().optional() });
export type Actor = z.infer<typeof Actor>;

/** A job that the scheduler has decided on. */
export const NewJob = z.object({
  id: Id,
  pipelineId: Id,
  trigger: JobTrigger,
  params: z.record(z.string(), ParameterValue),
  /** Whether there is room: then it goes to `scheduling` at once, else it waits as `pending` with `message`. */
  admit: z.boolean(),
  message: z.string().optional(),
  attempt: z.number().int().min(1).default(1),
  parentJobId: Id.optional(),
  /** Jobs of the same pipeline that this one makes superfluous; each is cancelled with reason `superseded`. */
  supersedes: z.array(Id).default([]),
});
export type NewJob = z.infer<typeof NewJob>;

export const commandMethods = {
  /**
   * Stores a verified delivery, and its trigger if it means anything to us, in one durable transaction. `duplicate` when the
   * delivery or the happening (`deduplicationKey`) was there already; then nothing is stored and the first trigger's id is
   * told.
   */
  recordDelivery: command(
    "record-delivery",
    z.object({
      delivery: z.object({
        id: Id,
        forge: Forge,
        /** The forge's own id of this delivery. */
        forgeDeliveryId: z.string().max(500),
        event: z.string().max(200),
        bodySha256: Sha256,
        /** `accepted` leads to a trigger; `ignored` is authentic and of no interest. */
        result: z.enum(["accepted", "ignored"]),
        detail: z.string().max(2_000).optional(),
      }),
      trigger: z.object({ id: Id, deduplicationKey: z.string().max(500), event: TriggerEvent }).optional(),
    }),
    z.object({ duplicate: z.boolean(), triggerId: Id.optional() }),
  ),
  /** Stores a trigger that no delivery carries: manual, cron, rerun. Idempotent by `deduplicationKey`. */
  recordTrigger: command(
    "record-trigger",
    z.object({ id: Id, deduplicationKey: z.string().max(500), event: TriggerEvent, actor: Actor.optional() }),
    z.object({ duplicate: z.boolean(), triggerId: Id }),
  ),
  /**
   * Stores what the scheduler made of a trigger: the jobs, or the sentence why there are none. A trigger is decided once; a
   * second decision changes nothing and gets the first one's jobs.
   */
  decideTrigger: command(
    "decide-trigger",
    z.object({ triggerId: Id, jobs: z.array(NewJob), outcome: z.string() }),
    z.object({ jobs: z.array(Job), alreadyDecided: z.boolean() }),
  ),
  /** Lets a pending job go to `scheduling`, if it still is pending at `expectedVersion`. */
  admitJob: command(
    "admit-job",
    z.object({ jobId: Id, expectedVersion: z.number().int() }),
    z.object({ admitted: z.boolean() }),
  ),
  /** Says on a pending job why it waits. */
  explainPending: command(
    "explain-pending",
    z.object({ jobId: Id, expectedVersion: z.number().int(), message: z.string() }),
    z.object({}),
  ),
  /** Cancels an active job; a final one stays as it is and is returned. */
  cancelJob: command(
    "cancel-job",
    z.object({
      jobId: Id,
      reason: z.enum(["cancelled_by_user", "superseded"]).default("cancelled_by_user"),
      actor: Actor,
      message: z.string().optional(),
    }),
    z.object({ job: Job }),
  ),
  /**
   * Applies a validated configuration in one transaction, if the applied commit still is `expectedCommitSha`; records the
   * sync either way. The writer computes the plan itself and returns what changed.
   */
  applyBlueprint: command(
    "apply-blueprint",
    z.object({ syncId: Id, commitSha: z.string(), configuration: BlueprintConfiguration, startedAt: Timestamp }),
    z.object({ changes: z.array(BlueprintChange) }),
  ),
  /** Records a sync that changed nothing or failed. */
  recordBlueprintSync: command(
    "record-blueprint-sync",
    z.object({
      syncId: Id,
      status: z.enum(["unchanged", "failed"]),
      commitSha: z.string().optional(),
      errors: z.array(z.string()),
      startedAt: Timestamp,
    }),
    z.object({}),
  ),
  setSecret: command(
    "set-secret",
    z.object({ name: SecretName, pipelineName: z.string().optional(), value: z.string().max(65_536), actor: Actor }),
    z.object({}),
  ),
  deleteSecret: command(
    "delete-secret",
    z.object({ name: SecretName, pipelineName: z.string().optional(), actor: Actor }),
    z.object({ deleted: z.boolean() }),
  ),
  createToken: command(
    "create-token",
    z.object({
      id: Id,
      name: z.string().min(1).max(200),
      subject: z.string(),
      tokenSha256: Sha256,
      scopes: z.array(z.string()),
      expiresAt: Timestamp.optional(),
      actor: Actor,
    }),
    z.object({}),
  ),
  recordAudit: command(
    "record-audit",
    z.object({
      id: Id,
      actor: Actor,
      action: z.string().max(200),
      target: z.string().max(500).optional(),
      result: z.enum(["ok", "denied", "failed"]),
      detail: z.string().max(2_000).optional(),
    }),
    z.object({}),
  ),
  /** Whether the writer is well: each check by name, with a sentence when it is not. */
  health: command(
    "health",
    z.object({}),
    z.object({ checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string().optional() })) }),
  ),
} as const satisfies MethodTable;
export type CommandMethods = typeof commandMethods;

export const serviceMethods = {
  ...queryMethods,
  ...commandMethods,
  /** Every change from now on. Begins with `reset`; a `heartbeat` comes every 15 s. */
  watchChanges: { kind: "stream", path: "/service/watch-changes", request: z.object({}), event: Change },
} as const satisfies MethodTable;
export type ServiceMethods = typeof serviceMethods;

/** The commands as functions; the writer implements them, and an RPC client stands for them elsewhere. */
export type Commands = {
  [N in keyof CommandMethods]: (
    request: z.input<CommandMethods[N]["request"]>,
  ) => Promise<z.output<CommandMethods[N]["response"]>>;
};
