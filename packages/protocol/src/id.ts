import { z } from "zod";

/**
 * Identifies a job, step, artifact, trigger or any other row: a UUIDv7 in lower case, so that ids sort by the time of
 * their creation. Source: RFC 9562, section 5.7.
 */
export const Id = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, {
  error: "an id must be a UUIDv7 in lower case",
});
export type Id = z.infer<typeof Id>;

/** A point in time: UTC, ISO 8601 with milliseconds and a trailing `Z`, so that text order is time order. */
export const Timestamp = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, {
  error: "a time must be ISO 8601 in UTC with milliseconds, such as 2026-01-31T12:00:00.000Z",
});
export type Timestamp = z.infer<typeof Timestamp>;

/** A lower-case SHA-256 in hexadecimal. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: "a SHA-256 must be 64 lower-case hexadecimal digits" });
export type Sha256 = z.infer<typeof Sha256>;

/** A full Git commit id: 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits. */
export const CommitSha = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, {
  error: "a commit must be a full hexadecimal commit id of 40 or 64 digits",
});
export type CommitSha = z.infer<typeof CommitSha>;

/** The name of a pipeline, worker, service, artifact, team or secret in a path or a label: short and free of surprises. */
export const ResourceName = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$/, {
    error:
      "a name must be 1 to 100 letters, digits, dots, dashes or underscores, beginning and ending with a letter or digit",
  })
  .refine((name) => !name.includes(".."), { error: "a name must not contain two dots in a row" });
export type ResourceName = z.infer<typeof ResourceName>;

/** The name of a secret, as pipelines ask for it: letters, digits and underscores, not beginning with a digit. */
export const SecretName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,99}$/, {
  error: "a secret's name must be 1 to 100 letters, digits or underscores, not beginning with a digit",
});
export type SecretName = z.infer<typeof SecretName>;
