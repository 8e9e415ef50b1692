import { createHash, timingSafeEqual } from "node:crypto";
import type { Clock } from "@danube/kit";
import type { Queries } from "@danube/protocol";
import { type Principal, permissionOf } from "./principal.ts";
import type { Sessions } from "./sessions.ts";

export interface Credentials {
  readonly authorization: string | undefined;
  readonly sessionSecret: string | undefined;
}

export interface Authenticator {
  /** Whose request it is; undefined when it carries no credentials that count. `ambient`: the browser added them by itself. */
  authenticate(credentials: Credentials): Promise<{ principal: Principal; ambient: boolean } | undefined>;
}

/** Knows the local token, API tokens by their digest, and sessions. */
export function createAuthenticator(options: {
  readonly localToken: () => string | undefined;
  readonly queries: Pick<Queries, "findTokenByHash">;
  readonly sessions: Sessions;
  readonly clock: Clock;
}): Authenticator {
  const { localToken, queries, sessions, clock } = options;
  let localDigest: Buffer | undefined;
  /** Looked up until it is there: this process may be older than the data directory's keys. */
  const findLocalDigest = (): Buffer | undefined => {
    const found = localDigest === undefined ? localToken() : undefined;
    if (found !== undefined && found !== "") localDigest = sha256(found);
    return localDigest;
  };

  const ofToken = async (token: string): Promise<Principal | undefined> => {
    const digest = sha256(token);
    const local = findLocalDigest();
    if (local !== undefined && timingSafeEqual(digest, local)) return { subject: "local", permission: "admin" };
    const { token: found } = await queries.findTokenByHash({ tokenSha256: digest.toString("hex") });
    if (found === undefined) return undefined;
    if (found.expiresAt !== undefined && Date.parse(found.expiresAt) <= clock.now().getTime()) return undefined;
    const permission = permissionOf(found.scopes);
    return permission === undefined ? undefined : { subject: found.subject, permission };
  };

  return {
    async authenticate({ authorization, sessionSecret }) {
      // A request that names a token means that token: a session beside it does not make up for a wrong one.
      if (authorization !== undefined) {
        const token = /^Bearer +([\x21-\x7e]{1,4096})$/i.exec(authorization)?.[1];
        const principal = token === undefined ? undefined : await ofToken(token);
        return principal && { principal, ambient: false };
      }
      const principal = sessionSecret === undefined ? undefined : sessions.find(sessionSecret);
      return principal && { principal, ambient: true };
    },
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
