import type { IncomingHttpHeaders } from "node:http2";
import { DanubeError } from "@danube/protocol";

/** The token of `Authorization: Bearer <token>`. Throws `unauthenticated` if there is none. Source: RFC 6750, section 2.1. */
export function bearerToken(headers: IncomingHttpHeaders): string {
  const match = /^Bearer ([A-Za-z0-9\-._~+/]+=*)$/i.exec(headers.authorization ?? "");
  if (!match) throw new DanubeError("unauthenticated", "The request carries no bearer token.");
  return match[1] as string;
}
