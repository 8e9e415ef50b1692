// What Danube's own services may ask: every query, every command, and the changes.
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http2";
import { type Commands, DanubeError, type Queries, type ServiceMethods } from "@danube/protocol";
import type { Handlers } from "@danube/rpc";
import type { ChangeFeed } from "../changes/change-feed.ts";
import { bearerToken } from "../jobs/job-token.ts";

export interface ServiceHandlersOptions {
  readonly queries: Queries;
  readonly commands: Commands;
  readonly feed: ChangeFeed;
}

export function createServiceHandlers(options: ServiceHandlersOptions): Handlers<ServiceMethods, "service"> {
  const { queries, commands, feed } = options;
  return { ...queries, ...commands, watchChanges: (_request, { signal }) => feed.watch(signal) };
}

/** Lets in whoever has the service credential. */
export function createServiceAuthenticator(serviceToken: string) {
  const expected = sha256(serviceToken);
  return (headers: IncomingHttpHeaders): Promise<"service"> => {
    // Of equal length and independent of what was sent, so that the time tells nothing.
    if (timingSafeEqual(sha256(bearerToken(headers)), expected)) return Promise.resolve("service");
    throw new DanubeError("unauthenticated", "The bearer token is not the service credential.");
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
