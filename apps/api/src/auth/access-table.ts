// Who may call what. The router is built from this table: a route without a row can't be made.
import type { Permission } from "./principal.ts";

/**
 * `public`: anybody; it tells nothing of anybody's work and changes nothing. `signed`: a forge, which proves itself by a
 * signature over the body. `metrics`: `read`, or nobody at all where the operator opened it. Else the permission needed.
 */
export type Access = "public" | "signed" | "metrics" | Permission;

export const accessTable = {
  "get /health": "public",
  "get /health/ready": "public",
  "get /metrics": "metrics",
  "post /webhooks/github": "signed",
  "post /webhooks/gitlab": "signed",
  "get /login/once": "public",
  "delete /api/v1/session": "read",
  "get /api/v1/me": "read",
  "get /api/v1/openapi.json": "public",
  "get /api/v1/pipelines": "read",
  "get /api/v1/pipelines/{name}": "read",
  "get /api/v1/pipelines/{name}/jobs": "read",
  "post /api/v1/pipelines/{name}/trigger": "write",
  "get /api/v1/jobs": "read",
  "get /api/v1/jobs/{id}": "read",
  "post /api/v1/jobs/{id}/cancel": "write",
  "post /api/v1/jobs/{id}/rerun": "write",
  "get /api/v1/jobs/{id}/logs": "read",
  "get /api/v1/jobs/{id}/logs/stream": "read",
  "get /api/v1/jobs/{id}/artifacts": "read",
  "get /api/v1/artifacts/{id}": "read",
  "get /api/v1/events/stream": "read",
  "get /api/v1/secrets": "admin",
  "post /api/v1/secrets": "admin",
  "delete /api/v1/secrets/{name}": "admin",
  "get /api/v1/blueprint": "read",
  /** The web UI's files. */
  "get /*": "public",
} as const satisfies Record<string, Access>;

export type RouteKey = keyof typeof accessTable;

/** The row of a route. Throws when there is none: then the route must not exist. */
export function accessOf(method: string, path: string): Access {
  const key = `${method.toLowerCase()} ${path}`;
  if (!Object.hasOwn(accessTable, key)) throw new RangeError(`The route ${key} has no row in the access table.`);
  return accessTable[key as RouteKey];
}
