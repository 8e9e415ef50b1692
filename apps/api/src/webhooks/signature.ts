// Who sent it: the forges' ways to prove that a delivery is theirs. All comparisons take the same time wherever they differ.
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/**
 * Whether `header` (X-Hub-Signature-256) is GitHub's signature of exactly these bytes under one of `secrets`, of which there
 * are several while a secret is being changed. The old X-Hub-Signature (SHA-1) is never enough.
 * Source: docs.github.com, "Validating webhook deliveries".
 */
export function isGithubSignature(header: string | undefined, body: Uint8Array, secrets: readonly string[]): boolean {
  const digits = header === undefined ? undefined : /^sha256=([0-9a-f]{64})$/.exec(header)?.[1];
  if (digits === undefined) return false;
  const sent = Buffer.from(digits, "hex");
  let matches = false;
  for (const secret of secrets) {
    if (secret === "") continue;
    if (timingSafeEqual(sent, createHmac("sha256", secret).update(body).digest())) matches = true;
  }
  return matches;
}

/** Whether `header` (X-Gitlab-Token) is one of `tokens`. Hashed before the comparison, so that lengths don't show either. */
export function isGitlabToken(header: string | undefined, tokens: readonly string[]): boolean {
  if (header === undefined || header === "") return false;
  const sent = sha256(header);
  let matches = false;
  for (const token of tokens) if (token !== "" && timingSafeEqual(sent, sha256(token))) matches = true;
  return matches;
}

/** The headers of a Standard Webhooks delivery. */
export interface StandardWebhookHeaders {
  readonly id: string | undefined;
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
}

/** How far a delivery's time may be from ours, before or after. */
const toleranceSeconds = 300;

/**
 * Whether one of the `v1` signatures in the headers is that of `id.timestamp.body` under one of `secrets` (`whsec_` and
 * base64), sent within five minutes of `nowMs`. Source: standardwebhooks.com, "Verifying signatures"; GitLab's signing tokens.
 */
export function isStandardWebhook(
  headers: StandardWebhookHeaders,
  body: Uint8Array,
  secrets: readonly string[],
  nowMs: number,
): boolean {
  const { id, timestamp, signature } = headers;
  if (id === undefined || id === "" || signature === undefined || timestamp === undefined) return false;
  if (!/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Math.floor(nowMs / 1_000) - Number(timestamp)) > toleranceSeconds) return false;
  const sent = signature
    .split(" ")
    .slice(0, 20)
    .flatMap((entry) => (entry.startsWith("v1,") ? [Buffer.from(entry.slice(3), "base64")] : []))
    .filter((digest) => digest.length === 32);
  let matches = false;
  for (const secret of secrets) {
    const key = readSigningSecret(secret);
    if (key.length === 0) continue;
    const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
    for (const digest of sent) if (timingSafeEqual(digest, expected)) matches = true;
  }
  return matches;
}

function readSigningSecret(secret: string): Buffer {
  return Buffer.from(secret.startsWith("whsec_") ? secret.slice("whsec_".length) : secret, "base64");
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
