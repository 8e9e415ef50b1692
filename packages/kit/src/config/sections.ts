// The sections and keys of danube.toml. Their names are the contract; the environment's names follow from them.
import { z } from "zod";
import { logLevels } from "../logger.ts";
import { addressSchema } from "./address.ts";
import { durationMs } from "./duration.ts";

const text = z.string().min(1, { error: "must not be empty" });
const httpUrl = z.url({ protocol: /^https?$/, error: "write a URL that begins with http:// or https://" });

/** A value nobody may see: never quoted in an error. */
const secret = text.meta({ secret: true });

/** `true` and `false`, also as the environment spells them. */
const flag = z.union([
  z.boolean(),
  z.stringbool({ truthy: ["true", "1", "yes", "on"], falsy: ["false", "0", "no", "off"] }),
]);
/** Networks, as a list or, in the environment, separated by commas. */
const cidrs = z.preprocess(
  (value) => (typeof value === "string" ? value.split(",").map((part) => part.trim()) : value),
  z.array(z.union([z.cidrv4(), z.cidrv6()], { error: 'write networks such as "203.0.113.0/24"' })),
);
const count = z.coerce.number().int().min(0);

export const sections = {
  server: z.object({
    bind_address: addressSchema.prefault("0.0.0.0:8080"),
    rpc_address: addressSchema.prefault("0.0.0.0:9000"),
    internal_address: addressSchema.prefault("127.0.0.1:9001"),
    rpc_url: httpUrl.optional(),
    internal_url: httpUrl.optional(),
    internal_token: secret.optional(),
    data_dir: text.default("/var/lib/danube"),
    public_url: httpUrl.optional(),
  }),
  config_repo: z.object({
    url: text.optional(),
    branch: text.default("main"),
    sync_interval: durationMs.prefault("60s"),
    ssh_key_path: text.optional(),
  }),
  runtime: z.object({
    type: z.enum(["kubernetes", "local"], { error: 'write "kubernetes" or "local"' }).default("kubernetes"),
    prepared_sandboxes: count.default(0),
  }),
  kubernetes: z.object({
    context: text.optional(),
    namespace_system: text.default("danube-system"),
    namespace_jobs: text.default("danube-jobs"),
    coordinator_image: text.optional(),
    egress_policy: z.enum(["enforced", "off"], { error: 'write "enforced" or "off"' }).default("enforced"),
    egress_cidrs: cidrs.default([]),
    image_pull_grace: durationMs.prefault("30s"),
    unschedulable_grace: durationMs.prefault("10m"),
  }),
  auth: z.object({
    issuer: httpUrl.optional(),
    client_id: text.default("danube"),
    client_secret: secret.optional(),
    session_duration: durationMs.prefault("12h"),
  }),
  webhooks: z.object({
    github_secret: secret.optional(),
    gitlab_token: secret.optional(),
    gitlab_signing_secret: secret.optional(),
  }),
  logging: z.object({
    level: z.enum(logLevels, { error: `write one of ${logLevels.join(", ")}` }).default("info"),
    format: z.enum(["json", "text"], { error: 'write "json" or "text"' }).default("json"),
  }),
  observability: z.object({
    otel_endpoint: httpUrl.optional(),
    metrics_enabled: flag.default(true),
    traces_enabled: flag.default(false),
  }),
} as const;

export type Sections = typeof sections;
export type SectionName = keyof Sections;

/** What danube.toml may say: any part of it. */
export type ServerConfigDocument = { readonly [S in SectionName]?: z.input<Sections[S]> };
/** All sections as they are after parsing, every default in place. */
export type ParsedSections = { readonly [S in SectionName]: z.output<Sections[S]> };

export const sectionNames = Object.keys(sections) as SectionName[];

/** The schema of a key, or undefined if there is no such key. */
export function keySchema(section: SectionName, key: string): z.ZodType | undefined {
  const shape: Record<string, z.ZodType> = sections[section].shape;
  return Object.hasOwn(shape, key) ? shape[key] : undefined;
}

/** All keys of a section. */
export function keysOf(section: SectionName): string[] {
  return Object.keys(sections[section].shape);
}

/** Whether a key's value must not be seen. */
export function isSecretKey(section: SectionName, key: string): boolean {
  const schema = keySchema(section, key);
  const inner = schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema;
  return inner?.meta()?.["secret"] === true;
}
