// The bearer token by which a job's Coordinator is known. Only its hash is stored.
import { createHash, randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http2";
import { DanubeError } from "@danube/protocol";

export interface JobToken {
  /** Secret: for the Coordinator alone. */
  readonly token: string;
  readonly sha256: string;
}

export function createJobToken(): JobToken {
  const token = randomBytes(32).toString("base64url");
  return { token, sha256: hashToken(token) };
}

/** What is stored of a token and looked up: nothing can be learnt of the token from how long the lookup takes. */
export function hashToken(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** The token of an `Authorization: Bearer` header. Throws `unauthenticated` when there is none. */
export function bearerToken(headers: IncomingHttpHeaders): string {
  const match = /^Bearer ([A-Za-z0-9._~+/=-]{1,500})$/i.exec(headers.authorization ?? "");
  if (!match?.[1]) throw new DanubeError("unauthenticated", "The request carries no bearer token.");
  return match[1];
}
