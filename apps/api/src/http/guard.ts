// What stands before every route: is this host ours, who asks, may they, and does one of our own pages ask.
import type { Metrics } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";
import type { Access } from "../auth/access-table.ts";
import type { Authenticator } from "../auth/authenticate.ts";
import { isPermitted } from "../auth/principal.ts";
import { isOwnOrigin } from "../auth/request-origin.ts";
import type { ApiEnv } from "./api-env.ts";

export interface GuardOptions {
  readonly authenticator: Authenticator;
  readonly isAllowedHost: (host: string) => boolean;
  readonly publicUrl: string | undefined;
  readonly cookieName: string;
  readonly openMetrics: boolean;
  readonly metrics: Pick<Metrics, "authPermissionDeniedTotal">;
}

/** A middleware for routes of this access. */
export type Guard = (access: Access) => MiddlewareHandler<ApiEnv>;

export function createGuard(options: GuardOptions): Guard {
  const { authenticator, cookieName, publicUrl, metrics } = options;
  return (access) => async (c, next) => {
    // Probes, scrapers and forges use other names, and nothing that a browser could be tricked with is behind these.
    if (access === "signed" || (access === "metrics" && options.openMetrics)) return next();
    const host = c.req.header("host") ?? "";
    if (access !== "public" && !options.isAllowedHost(host)) {
      throw new DanubeError(
        "forbidden",
        `This server does not answer to the host ${JSON.stringify(host.slice(0, 200))}; an operator can name it as server.public_url.`,
      );
    }
    if (access === "public") return next();
    const found = await authenticator.authenticate({
      authorization: c.req.header("authorization"),
      sessionSecret: getCookie(c, cookieName),
    });
    if (found === undefined) {
      throw new DanubeError("unauthenticated", "Send a valid token as `Authorization: Bearer …`, or log in.");
    }
    const changes = c.req.method !== "GET" && c.req.method !== "HEAD";
    if (changes) {
      const origin = c.req.header("origin");
      // What the browser adds by itself proves nothing about who asks; then the page's origin has to.
      if (origin === undefined ? found.ambient : !isOwnOrigin(origin, host, publicUrl)) {
        metrics.authPermissionDeniedTotal.increment();
        throw new DanubeError("forbidden", "The request does not come from one of this server's own pages.");
      }
    }
    const needed = access === "metrics" ? "read" : access;
    if (!isPermitted(found.principal, needed)) {
      metrics.authPermissionDeniedTotal.increment();
      throw new DanubeError("forbidden", `This needs the permission "${needed}".`);
    }
    c.set("principal", found.principal);
    return next();
  };
}
