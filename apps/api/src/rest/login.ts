import { DanubeError } from "@danube/protocol";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { z } from "zod";
import type { Sessions } from "../auth/sessions.ts";
import { guarded } from "../http/router.ts";
import type { RouteContext } from "./route-context.ts";

export interface CookieOptions {
  readonly name: string;
  readonly secure: boolean;
  readonly lifetimeMs: number;
}

/** Login by a one-time link, and logout. */
export function addLoginRoutes(
  { router, guard, dependencies }: RouteContext,
  sessions: Sessions,
  { name, secure, lifetimeMs }: CookieOptions,
): void {
  const { auth, metrics, logger } = dependencies;

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/login/once",
      summary: "Log this browser in with a one-time code",
      request: { query: z.object({ code: z.string().max(200) }) },
      responses: { 303: { description: "Logged in; the web UI is next" } },
    }),
    (c) => {
      // A probe for the link must not use it up.
      const code = c.req.method === "HEAD" ? "" : c.req.valid("query").code;
      const principal = auth.oneTimeCodes?.redeem(code);
      if (principal === undefined) {
        throw new DanubeError("unauthenticated", "This login link has been used or is too old; ask for a new one.");
      }
      metrics.authLoginsTotal.increment();
      logger.info("Somebody logged in with a one-time link", { subject: principal.subject });
      setCookie(c, name, sessions.create(principal), {
        path: "/",
        httpOnly: true,
        sameSite: "Strict",
        secure,
        maxAge: Math.floor(lifetimeMs / 1_000),
      });
      c.header("cache-control", "no-store");
      c.header("referrer-policy", "no-referrer");
      return c.redirect("/", 303);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "delete",
      path: "/api/v1/session",
      summary: "Log this browser out",
      responses: { 204: { description: "Logged out" } },
    }),
    (c) => {
      const secret = getCookie(c, name);
      if (secret !== undefined) sessions.end(secret);
      deleteCookie(c, name, { path: "/", secure });
      return c.body(null, 204);
    },
  );
}
