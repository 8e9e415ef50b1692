// The one HTTP/2 session that all calls of a client share, made when it is needed and again after it is lost.
import { type ClientHttp2Session, connect } from "node:http2";
import type { Clock, Logger } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import { keepAlive } from "./keepalive.ts";
import { sessionOptions, sessionWindowBytes } from "./wire/content.ts";

export interface ConnectionOptions {
  readonly url: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly keepsProcessAlive: boolean;
}

export interface Connection {
  /** A session that new streams can be opened on. Throws `connection_lost` when the server cannot be reached. */
  session(): Promise<ClientHttp2Session>;
  /** Cuts every stream off. */
  close(): Promise<void>;
}

/** Connects to nothing yet. */
export function createConnection({
  url,
  logger,
  clock,
  pingIntervalMs,
  pingTimeoutMs,
  keepsProcessAlive,
}: ConnectionOptions): Connection {
  const open = new Set<ClientHttp2Session>();
  let current: Promise<ClientHttp2Session> | undefined;
  let closed = false;
  let away = false;

  const noteLost = (error: unknown): void => {
    if (!closed && !away) logger.warn("The connection is lost", { url, error });
    away = true;
  };
  const noteConnected = (): void => {
    if (away) logger.info("The connection is there again", { url });
    away = false;
  };
  const openSession = (onUnusable: () => void): Promise<ClientHttp2Session> =>
    new Promise((resolve, reject) => {
      const session = connect(url, sessionOptions);
      if (!keepsProcessAlive) session.unref();
      let failure: unknown;
      let connected = false;
      let sentAway = false;
      open.add(session);
      const cancelTimeout = clock.setTimeout(() => {
        failure = new Error(`no answer within ${pingTimeoutMs} ms`);
        session.destroy();
      }, pingTimeoutMs);
      session.once("connect", () => {
        cancelTimeout();
        // Node emits this even after a destroy in the same turn.
        if (session.destroyed) return;
        connected = true;
        noteConnected();
        session.setLocalWindowSize(sessionWindowBytes);
        const onDead = (): void => {
          failure = new Error(`no answer to a ping within ${pingTimeoutMs} ms`);
        };
        keepAlive(session, { clock, intervalMs: pingIntervalMs, timeoutMs: pingTimeoutMs, onDead });
        resolve(session);
      });
      // The server takes no new streams on this session; those that are open go on.
      session.once("goaway", (code: number) => {
        sentAway = code === 0;
        onUnusable();
      });
      session.on("error", (error) => {
        failure ??= error;
      });
      session.once("close", () => {
        cancelTimeout();
        open.delete(session);
        onUnusable();
        if (!connected || !sentAway) noteLost(failure);
        reject(unreachable(url, failure));
      });
    });
  const replace = (): Promise<ClientHttp2Session> => {
    const opening = openSession(() => forget(opening));
    current = opening;
    return opening;
  };
  const forget = (opening: Promise<ClientHttp2Session>): void => {
    if (current === opening) current = undefined;
  };

  return {
    async session() {
      for (;;) {
        if (closed) throw new DanubeError("connection_lost", "The client was closed.");
        const opening = current ?? replace();
        const session = await opening;
        if (!session.closed && !session.destroyed) return session;
        forget(opening);
      }
    },
    async close() {
      closed = true;
      await Promise.all([...open].map(destroySession));
    },
  };
}

function destroySession(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => {
    session.once("close", () => resolve());
    session.destroy();
  });
}

function unreachable(url: string, cause: unknown): DanubeError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new DanubeError("connection_lost", `The server at ${url} cannot be reached${why}.`, { cause });
}
