// The documents of a Blueprint repository: config.json, users.json, teams.json and pipelines/<name>.json.
import { z } from "zod";
import { ResourceName, SecretName } from "./id.ts";

export const blueprintApiVersion = "danube.dev/v1";

/** A container image reference, as `docker pull` takes it. */
export const ImageReference = z.string().regex(/^(?=.{1,500}$)[a-z0-9][A-Za-z0-9._:/-]*(?:@sha256:[0-9a-f]{64})?$/, {
  error: 'an image must be a reference such as "node:24-bookworm-slim" or "registry.example.com/team/image:1.2"',
});

/** A Kubernetes resource quantity. Source: Kubernetes API reference, "Quantity". */
export const Quantity = z.string().regex(/^\d+(?:\.\d+)?(?:m|k|M|G|T|Ki|Mi|Gi|Ti)?$/, {
  error: 'a quantity must be a number with an optional unit, such as "500m", "2" or "512Mi"',
});

/** The name of an environment variable: anything but `=` and NUL, as the kernel allows. */
export const EnvironmentName = z
  .string()
  .regex(/^[^=\0]+$/, { error: "an environment variable's name must not be empty or hold = or NUL" });
export const Environment = z.record(
  EnvironmentName,
  z.string().refine((value) => !value.includes("\0"), { error: "an environment variable's value must not hold NUL" }),
);
export type Environment = z.infer<typeof Environment>;

export const WorkerSpec = z.strictObject({
  image: ImageReference.default("node:24-bookworm-slim"),
  resources: z
    .strictObject({
      requests: z.strictObject({ cpu: Quantity.optional(), memory: Quantity.optional() }).optional(),
      limits: z.strictObject({ cpu: Quantity.optional(), memory: Quantity.optional() }).optional(),
    })
    .optional(),
  env: Environment.default({}),
  /** `non_root` is the rule; any other value is the name of an operator's policy that allows more. */
  run_as: ResourceName.default("non_root"),
});
export type WorkerSpec = z.infer<typeof WorkerSpec>;

export const ServiceReady = z.union([
  z.strictObject({ tcp: z.number().int().min(1).max(65_535) }),
  z.strictObject({
    http: z.string().regex(/^:\d+\/.*$/, { error: 'http must be a port and a path, such as ":8080/health"' }),
  }),
  z.strictObject({ command: z.array(z.string()).min(1) }),
]);
export const ServiceSpec = z.strictObject({
  image: ImageReference,
  env: Environment.default({}),
  ready: ServiceReady.optional(),
});
export type ServiceSpec = z.infer<typeof ServiceSpec>;

/** A glob over branch or tag names or over paths: `*` within a segment, `**` across segments, a leading `!` excludes. */
export const Glob = z.string().min(1).max(500);

export const PipelineTrigger = z.discriminatedUnion("on", [
  z.strictObject({ on: z.literal("push"), branches: z.array(Glob).optional(), paths: z.array(Glob).optional() }),
  z.strictObject({ on: z.literal("tag"), tags: z.array(Glob).optional() }),
  z.strictObject({
    on: z.literal("pull_request"),
    branches: z.array(Glob).optional(),
    paths: z.array(Glob).optional(),
  }),
  z.strictObject({
    on: z.literal("cron"),
    schedule: z.string().min(1),
    timezone: z.string().default("UTC"),
    branch: z.string().optional(),
  }),
  z.strictObject({ on: z.literal("manual") }),
]);
export type PipelineTrigger = z.infer<typeof PipelineTrigger>;

const parameterBase = { description: z.string().optional() };
export const ParameterSpec = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("string"),
    default: z.string().optional(),
    pattern: z.string().optional(),
    ...parameterBase,
  }),
  z.strictObject({
    type: z.literal("number"),
    default: z.number().optional(),
    min: z.number().optional(),
    max: z.number().optional(),
    ...parameterBase,
  }),
  z.strictObject({ type: z.literal("boolean"), default: z.boolean().optional(), ...parameterBase }),
  z.strictObject({
    type: z.literal("enum"),
    values: z.array(z.string()).min(1),
    default: z.string().optional(),
    ...parameterBase,
  }),
]);
export type ParameterSpec = z.infer<typeof ParameterSpec>;

export const PipelineSpec = z.strictObject({
  repository: z.string().min(1),
  script: z.string().min(1).default("danubefile.ts"),
  branch_filter: z.array(Glob).optional(),
  triggers: z.array(PipelineTrigger).default([{ on: "push" }, { on: "manual" }]),
  params: z.record(ResourceName, ParameterSpec).default({}),
  worker: WorkerSpec.prefault({}),
  workers: z.record(ResourceName, WorkerSpec).default({}),
  services: z.record(ResourceName, ServiceSpec).default({}),
  max_duration_seconds: z.number().int().min(1).max(604_800).default(3_600),
  workspace_size_gb: z.number().positive().max(10_000).default(5),
  concurrency: z
    .strictObject({
      group: z.string().min(1).optional(),
      limit: z.number().int().min(1).optional(),
      cancel_superseded: z.boolean().default(false),
    })
    .prefault({}),
  permissions: z.array(z.strictObject({ team: ResourceName, level: z.enum(["read", "write", "admin"]) })).default([]),
  fork_policy: z.enum(["none", "approve", "run_without_secrets"]).default("approve"),
  retry: z
    .strictObject({
      on: z.array(z.literal("infra")).default(["infra"]),
      attempts: z.number().int().min(0).max(10).default(0),
    })
    .prefault({}),
  warm: z.number().int().min(0).max(50).default(0),
});
export type PipelineSpec = z.infer<typeof PipelineSpec>;

export const GitAuthentication = z.strictObject({
  type: z.enum(["github_app", "gitlab_token", "ssh_key", "https_token"]),
  name: ResourceName,
  match_patterns: z.array(z.string().min(1)).min(1),
  app_id: z.string().optional(),
  installation_id: z.string().optional(),
  username: z.string().optional(),
  private_key_secret: SecretName.optional(),
  token_secret: SecretName.optional(),
});

export const ConfigSpec = z.strictObject({
  retention: z
    .strictObject({
      logs_days: z.number().int().min(1).default(30),
      artifacts_days: z.number().int().min(1).default(14),
      registry_images_days: z.number().int().min(1).default(30),
    })
    .prefault({}),
  egress_allowlist: z
    .array(
      z
        .string()
        .regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, { error: 'an egress entry must be a host name or "*.host"' }),
    )
    .default([]),
  kubernetes: z
    .strictObject({ namespace_jobs: z.string().default("danube-jobs"), coordinator_image: ImageReference.optional() })
    .prefault({}),
  observability: z
    .strictObject({
      otel_endpoint: z.url().optional(),
      metrics_enabled: z.boolean().default(true),
      traces_enabled: z.boolean().default(false),
    })
    .prefault({}),
  git_authentication: z.array(GitAuthentication).default([]),
  concurrency: z.strictObject({ max_jobs: z.number().int().min(1).default(50) }).prefault({}),
  notifications: z.array(z.unknown()).default([]),
});
export type ConfigSpec = z.infer<typeof ConfigSpec>;

const document = <K extends string, S extends z.ZodType, M extends z.ZodType>(kind: K, metadata: M, spec: S) =>
  z.strictObject({ apiVersion: z.literal(blueprintApiVersion), kind: z.literal(kind), metadata, spec });

export const ConfigDocument = document(
  "Config",
  z.strictObject({ name: ResourceName.default("config") }).prefault({}),
  ConfigSpec,
);
export const UserDocument = document(
  "User",
  z.strictObject({ name: ResourceName }),
  z.strictObject({
    email: z.email(),
    password_hash: z
      .string()
      .regex(/^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/, { error: "a password hash must be bcrypt ($2a$, $2b$ or $2y$)" })
      .optional(),
  }),
);
export const TeamDocument = document(
  "Team",
  z.strictObject({ name: ResourceName }),
  z.strictObject({ members: z.array(z.email()).default([]), global_admin: z.boolean().default(false) }),
);
export const PipelineDocument = document(
  "Pipeline",
  z.strictObject({ name: ResourceName, team: ResourceName.optional() }),
  PipelineSpec,
);
export type ConfigDocument = z.infer<typeof ConfigDocument>;
export type UserDocument = z.infer<typeof UserDocument>;
export type TeamDocument = z.infer<typeof TeamDocument>;
export type PipelineDocument = z.infer<typeof PipelineDocument>;

/** A whole Blueprint, every document valid by itself and all references between them resolved. */
export const BlueprintConfiguration = z.strictObject({
  config: ConfigDocument,
  users: z.array(UserDocument),
  teams: z.array(TeamDocument),
  pipelines: z.array(PipelineDocument),
});
export type BlueprintConfiguration = z.infer<typeof BlueprintConfiguration>;

/** One difference between the applied configuration and a new one. */
export const BlueprintChange = z.object({
  action: z.enum(["added", "changed", "removed"]),
  kind: z.enum(["Config", "User", "Team", "Pipeline"]),
  name: z.string(),
  /** For `changed`: each field by JSON pointer into the document. Password hashes are shown as "(hidden)". */
  fields: z
    .array(z.object({ pointer: z.string(), before: z.unknown().optional(), after: z.unknown().optional() }))
    .default([]),
});
export type BlueprintChange = z.infer<typeof BlueprintChange>;
