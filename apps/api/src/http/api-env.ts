import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import type { Principal } from "../auth/principal.ts";

/** What a handler finds in its context. */
export interface ApiEnv {
  Bindings: HttpBindings;
  Variables: {
    requestId: string;
    /** Set on every route that asks for a permission. */
    principal: Principal;
  };
}
export type ApiContext = Context<ApiEnv>;

/** Who acts, for the writer's audit log. */
export function actorOf(c: Context<ApiEnv>): { subject: string; address?: string } {
  const address = c.env.incoming.socket.remoteAddress;
  return { subject: c.get("principal").subject, ...(address === undefined ? {} : { address }) };
}
