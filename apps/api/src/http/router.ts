// The one way to make a route: its access comes from the table, and stands before anything else of it.
import { createRoute, OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import { DanubeError, Problem, toPointer } from "@danube/protocol";
import type { MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type ZodType, z } from "zod";
import { accessOf } from "../auth/access-table.ts";
import type { ApiEnv } from "./api-env.ts";
import type { Guard } from "./guard.ts";

/** The most that a request's JSON may have; a secret is the largest thing that is sent. Webhooks have a limit of their own. */
const mostBodyBytes = 1_048_576;
const limitBody = bodyLimit({
  maxSize: mostBodyBytes,
  onError: () => {
    throw new DanubeError("payload_too_large", `The body has more than ${mostBodyBytes} bytes.`);
  },
});
const noLimit: MiddlewareHandler<ApiEnv> = (_c, next) => next();

export type ApiRouter = OpenAPIHono<ApiEnv>;

export function createRouter(): ApiRouter {
  return new OpenAPIHono<ApiEnv>({
    defaultHook: (result) => {
      if (result.success) return;
      const errors = result.error.issues.map((issue) => ({ detail: issue.message, pointer: toPointer(issue.path) }));
      const places = errors.map(({ detail, pointer }) => `${pointer === "" ? "the whole" : pointer}: ${detail}`);
      throw new DanubeError("invalid_request", `The request's ${result.target} is not valid: ${places.join("; ")}`, {
        errors,
      });
    },
  });
}

const problemResponse = {
  description: "What went wrong (RFC 9457).",
  content: { "application/problem+json": { schema: Problem } },
};

/** Completes a route's description: its guard, what it asks for, and how it says no. */
export function guarded<const R extends RouteConfig>(guard: Guard, route: R) {
  const access = accessOf(route.method, route.path);
  const open = access === "public" || access === "signed";
  const security: Record<string, string[]>[] = open ? [] : [{ token: [] }, { session: [] }];
  return createRoute({
    ...route,
    middleware: [guard(access), access === "signed" ? noLimit : limitBody] as const,
    security,
    responses: { ...route.responses, "4XX": problemResponse, "5XX": problemResponse },
  });
}

/** An answer of bytes or text, for a route's description. Its handler returns a plain Response. */
export function bytesAnswer(
  description: string,
  contentType: string,
  others: Record<string, { schema: ZodType }> = {},
) {
  const content: Record<string, { schema: ZodType }> = { [contentType]: { schema: z.string() }, ...others };
  return { description, content };
}

/** A JSON answer, for a route's description. */
export function jsonAnswer<S extends ZodType>(schema: S, description: string) {
  return { description, content: { "application/json": { schema } } };
}
