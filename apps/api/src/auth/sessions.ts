import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "@danube/kit";
import type { Principal } from "./principal.ts";

/** Logins of browsers. They live in memory: a restart ends them all. */
export interface Sessions {
  /** A new session; its secret goes into the cookie. */
  create(principal: Principal): string;
  find(secret: string): Principal | undefined;
  end(secret: string): void;
}

/** When there are more, the oldest end: memory stays bounded. */
const mostSessions = 10_000;

export function createSessions({
  clock,
  lifetimeMs,
}: {
  readonly clock: Clock;
  readonly lifetimeMs: number;
}): Sessions {
  const sessions = new Map<string, { principal: Principal; untilMs: number }>();
  return {
    create(principal) {
      const nowMs = clock.monotonicMs();
      for (const [key, { untilMs }] of sessions) {
        // In the order of their creation, and all last equally long.
        if (untilMs > nowMs && sessions.size < mostSessions) break;
        sessions.delete(key);
      }
      const secret = randomBytes(32).toString("base64url");
      sessions.set(digest(secret), { principal, untilMs: nowMs + lifetimeMs });
      return secret;
    },
    find(secret) {
      const found = sessions.get(digest(secret));
      return found !== undefined && found.untilMs > clock.monotonicMs() ? found.principal : undefined;
    },
    end: (secret) => void sessions.delete(digest(secret)),
  };
}

function digest(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
