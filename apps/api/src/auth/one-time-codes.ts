import { createHash, randomBytes } from "node:crypto";
import type { Clock } from "@danube/kit";
import type { Principal } from "./principal.ts";

/** Codes that are worth one login each, for the link that `danube up` prints. */
export interface OneTimeCodes {
  /** A new code for `principal`, for `/login/once?code=…`. */
  issue(principal: Principal): string;
  /** Whom the code was issued for; undefined when it is unknown, used or too old. It is used up by this. */
  redeem(code: string): Principal | undefined;
}

/** Keeps codes in memory, hashed. A code lasts 10 minutes unless told otherwise. */
export function createOneTimeCodes({
  clock,
  lifetimeMs = 600_000,
}: {
  readonly clock: Clock;
  readonly lifetimeMs?: number;
}): OneTimeCodes {
  const codes = new Map<string, { principal: Principal; untilMs: number }>();
  return {
    issue(principal) {
      for (const [key, { untilMs }] of codes) if (untilMs <= clock.monotonicMs()) codes.delete(key);
      const code = randomBytes(32).toString("base64url");
      codes.set(digest(code), { principal, untilMs: clock.monotonicMs() + lifetimeMs });
      return code;
    },
    redeem(code) {
      const key = digest(code);
      const found = codes.get(key);
      codes.delete(key);
      return found !== undefined && found.untilMs > clock.monotonicMs() ? found.principal : undefined;
    },
  };
}

/** The lookup by digest takes no time that depends on how much of a guess was right. */
function digest(code: string): string {
  return createHash("sha256").update(code).digest("hex");
}
