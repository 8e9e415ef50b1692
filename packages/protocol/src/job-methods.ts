// What a job's Coordinator may ask of the control plane (port 9000, the job's own token).
//
// The life of a Coordinator
//   1. attach            learns which commit to check out and what to run; then hears of a cancellation. Held open for the
//                        whole job and opened again after every break.
//   2. append-log        what the pipeline file itself and the checkout print, by offset, so that a retry repeats nothing.
//   3. report-status     "running" when the pipeline function is about to be called.
//   4. run-step          once for each command: see below. report-group for groups. get-secret, upload-artifact,
//                        download-artifact as the pipeline asks.
//   5. report-status     "finished" with the outcome; when it is answered, the Coordinator exits.
//
// run-step
//   client: request {stepId, …}                         the same stepId again means: attach to that step
//   server: accepted {offsets}                          how many bytes of each file it already has; the command is launched
//   client: output {stream, offset, length} + bytes     from those offsets on, in order
//   server: ack {offsets}                               these are in the log and survive the server's death
//   client: exit {exitCode, sizes}                      once the exit file is there and everything before it was sent
//   server: result {…}                                  when the step's end is durable; then both sides close
// After a break the client calls again with the same stepId and goes on from the `accepted` offsets. Timeouts and
// cancellation are the server's doing: it signals the process, and the exit comes the same way.
import { z } from "zod";
import { Environment } from "./blueprint.ts";
import { CommitSha, Id, ResourceName, SecretName, Sha256 } from "./id.ts";
import { Artifact, ParameterValue } from "./job.ts";
import type { MethodTable } from "./method.ts";
import { Reason, StepStatus } from "./status.ts";
import { PullRequestInfo, TriggerType } from "./trigger.ts";

/** What a Coordinator has to know to run its job. Nothing in it is secret but `checkout.authorization`. */
export const JobContext = z.object({
  jobId: Id,
  pipelineName: z.string(),
  number: z.number().int(),
  attempt: z.number().int(),
  checkout: z.object({
    url: z.string(),
    /** Absent for `danube run`: then the workspace is the author's own directory and nothing is checked out. */
    commitSha: CommitSha.optional(),
    ref: z.string().optional(),
    /** The value of an Authorization header for the URL's own origin alone. */
    authorization: z.string().optional(),
  }),
  script: z.string(),
  branch: z.string().optional(),
  tag: z.string().optional(),
  pullRequest: PullRequestInfo.optional(),
  triggerType: TriggerType,
  triggerRef: z.string().optional(),
  params: z.record(z.string(), ParameterValue),
  /** The names that `step.run` may give as `worker`; the first is the default one. */
  workers: z.array(z.string()).min(1),
  /** How long a command has from SIGTERM to SIGKILL, and the pipeline's `finally` blocks after a cancellation. */
  cancelGraceMs: z.number().int(),
});
export type JobContext = z.infer<typeof JobContext>;

export const AttachEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("context"), context: JobContext }),
  z.object({ type: z.literal("cancel"), reason: Reason, message: z.string() }),
  z.object({ type: z.literal("heartbeat") }),
]);
export type AttachEvent = z.infer<typeof AttachEvent>;

export const StepCommand = z.union([
  /** Run as `/bin/sh -c <shell>`. */
  z.object({ shell: z.string().min(1) }),
  z.object({ argv: z.array(z.string()).min(1) }),
]);
export type StepCommand = z.infer<typeof StepCommand>;

export const RunStepRequest = z.object({
  stepId: Id,
  parentId: Id.optional(),
  name: z.string().min(1).max(1_000),
  sequence: z.number().int().min(1),
  /** From 1; each retry of a step is a step of its own, with the next attempt. */
  attempt: z.number().int().min(1).default(1),
  worker: ResourceName.optional(),
  command: StepCommand,
  env: Environment.default({}),
  /** Relative to the workspace; it must not leave it. */
  cwd: z.string().optional(),
  timeoutMs: z.number().int().positive().optional(),
  capture: z.boolean().default(false),
  soft: z.boolean().default(false),
  /**
   * Whether the pipeline asked for it knowing that its job is to end: a step of a `finally` block, which has the job's grace. One
   * that was asked for before, and comes when the job is ending already, is told to end at once.
   */
  afterCancel: z.boolean().default(false),
  /** Where in the pipeline file the call stands, such as `danubefile.ts:12`. */
  source: z.string().optional(),
});
export type RunStepRequest = z.infer<typeof RunStepRequest>;

/** The files of a step: `output` (what goes to the log) and, when captured, `stdout`. */
export const StepStream = z.enum(["output", "stdout"]);
export type StepStream = z.infer<typeof StepStream>;

/** How many bytes of each file: an offset, or a size. */
export const StepOffsets = z.object({ output: z.number().int().min(0), stdout: z.number().int().min(0) });
export type StepOffsets = z.infer<typeof StepOffsets>;

export const StepClientFrame = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("output"),
    stream: StepStream,
    offset: z.number().int().min(0),
    length: z.number().int().min(0),
  }),
  z.object({
    type: z.literal("exit"),
    exitCode: z.number().int().min(0).max(255),
    sizes: StepOffsets,
    /** Something of the step's container was killed for want of memory while the command ran, and the command failed. */
    outOfMemory: z.boolean().optional(),
  }),
]);
export type StepClientFrame = z.infer<typeof StepClientFrame>;

export const StepResult = z.object({
  status: StepStatus.exclude(["running"]),
  /** Absent when the command never ended by itself and none was recorded. 128 + n means signal n. */
  exitCode: z.number().int().optional(),
  durationMs: z.number(),
  /** One sentence, for whatever is not success. */
  message: z.string().optional(),
});
export type StepResult = z.infer<typeof StepResult>;

export const StepServerFrame = z.discriminatedUnion("type", [
  z.object({ type: z.literal("accepted"), offsets: StepOffsets }),
  z.object({ type: z.literal("ack"), offsets: StepOffsets }),
  z.object({ type: z.literal("result"), result: StepResult }),
]);
export type StepServerFrame = z.infer<typeof StepServerFrame>;

/** How the pipeline function ended. */
export const JobOutcome = z.discriminatedUnion("status", [
  z.object({ status: z.literal("success") }),
  z.object({
    status: z.literal("failure"),
    /** `infra_lost`: the repository could not be reached, so that the pipeline never began. */
    reason: z.enum(["step_failed", "pipeline_error", "infra_lost"]),
    /** One sentence, with file and line where there is one. */
    message: z.string(),
    stepId: Id.optional(),
  }),
  /** The function ended after it had been told of a cancellation; the server knows which. */
  z.object({ status: z.literal("cancelled") }),
]);
export type JobOutcome = z.infer<typeof JobOutcome>;

export const StatusReport = z.discriminatedUnion("phase", [
  z.object({ phase: z.literal("running") }),
  z.object({ phase: z.literal("finished"), outcome: JobOutcome }),
]);
export type StatusReport = z.infer<typeof StatusReport>;

export const UploadArtifactRequest = z.object({
  artifactId: Id,
  name: ResourceName,
  fileName: z.string().min(1).max(255),
  kind: z.enum(["file", "archive"]),
  sizeBytes: z.number().int().min(0),
  sha256: Sha256,
});
export type UploadArtifactRequest = z.infer<typeof UploadArtifactRequest>;

export const jobMethods = {
  attach: { kind: "stream", path: "/rpc/attach", request: z.object({}), event: AttachEvent },
  runStep: {
    kind: "duplex",
    path: "/rpc/run-step",
    request: RunStepRequest,
    clientFrame: StepClientFrame,
    serverFrame: StepServerFrame,
  },
  reportGroup: {
    kind: "unary",
    path: "/rpc/report-group",
    deadlineMs: 600_000,
    request: z.object({
      stepId: Id,
      parentId: Id.optional(),
      name: z.string().min(1).max(1_000),
      sequence: z.number().int().min(1),
      status: StepStatus,
    }),
    response: z.object({}),
  },
  getSecret: {
    kind: "unary",
    path: "/rpc/get-secret",
    deadlineMs: 600_000,
    request: z.object({ name: SecretName }),
    response: z.object({ value: z.string() }),
  },
  uploadArtifact: {
    kind: "upload",
    path: "/rpc/upload-artifact",
    deadlineMs: 3_600_000,
    request: UploadArtifactRequest,
    response: z.object({ artifact: Artifact }),
  },
  downloadArtifact: {
    kind: "download",
    path: "/rpc/download-artifact",
    deadlineMs: 3_600_000,
    request: z.object({ name: ResourceName }),
    response: z.object({ artifact: Artifact }),
  },
  /**
   * Appends what the pipeline file or the checkout printed. `offset` counts this job's bytes of this kind from 0; bytes that are
   * known are dropped, a gap is a `protocol_violation`. The answer is up to where they survive the server's death: what lies
   * beyond must be kept, and sent again after a gap was told. After `final` nothing is held back and nothing may follow.
   */
  appendLog: {
    kind: "unary",
    path: "/rpc/append-log",
    deadlineMs: 3_600_000,
    request: z.object({
      offset: z.number().int().min(0),
      text: z.string().max(1_048_576),
      final: z.boolean().default(false),
    }),
    response: z.object({ offset: z.number().int().min(0) }),
  },
  reportStatus: {
    kind: "unary",
    path: "/rpc/report-status",
    deadlineMs: 86_400_000,
    request: StatusReport,
    response: z.object({}),
  },
} as const satisfies MethodTable;
export type JobMethods = typeof jobMethods;
