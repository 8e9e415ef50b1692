// A server of one table of methods over HTTP/2 cleartext with prior knowledge.
import {
  createServer,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { type Address, type Clock, delay, type Logger, systemClock } from "@danube/kit";
import type { MethodTable } from "@danube/protocol";
import type { Handlers } from "./handler.ts";
import { keepAlive } from "./keepalive.ts";
import { createCallHandler } from "./server-call.ts";
import { defaultMaxRequestBytes, sessionOptions, sessionWindowBytes } from "./wire/content.ts";

export interface RpcServerOptions<T extends MethodTable, Principal> {
  readonly methods: T;
  readonly handlers: Handlers<T, Principal>;
  /** Finds out who calls from the request's headers; throws `unauthenticated` or `forbidden`. Runs before any of the body is read. */
  readonly authenticate: (headers: IncomingHttpHeaders) => Promise<Principal>;
  readonly logger: Logger;
  /** The most bytes of a JSON value: a request, or a frame without its payload. 4 MiB unless told otherwise. */
  readonly maxRequestBytes?: number;
  readonly clock?: Clock;
  /** How often a connection is tested. 10 s unless told otherwise. */
  readonly pingIntervalMs?: number;
  /** How long the other side has to answer such a test. 10 s unless told otherwise. */
  readonly pingTimeoutMs?: number;
}

export interface RpcServer {
  /** Begins to accept. Resolves with the address, whose port was chosen by the system if 0 was asked for. */
  listen(address: Address): Promise<Address>;
  /** Where it listens; throws if it does not. */
  address(): Address;
  /**
   * Accepts nothing new, tells every client to go elsewhere, waits for open calls up to `graceMs`, then cuts them off.
   * Resolves when the handlers have ended too; those that ignore their signal are named in the log and left behind.
   */
  close(options: { readonly graceMs: number }): Promise<void>;
  /** Answers one HTTP/2 stream. */
  readonly handler: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
}

/** How long handlers have to end once their callers are cut off. */
const handlerEndMs = 2_000;

/** A server that is not listening yet. */
export function createRpcServer<T extends MethodTable, Principal>(options: RpcServerOptions<T, Principal>): RpcServer {
  const { methods, handlers, authenticate, logger, clock = systemClock } = options;
  const { maxRequestBytes = defaultMaxRequestBytes, pingIntervalMs = 10_000, pingTimeoutMs = 10_000 } = options;
  const sessions = new Set<Http2Session>();
  const active = new Map<Promise<unknown>, string>();
  const track = (path: string, work: Promise<unknown>): void => {
    active.set(work, path);
    const forget = (): void => void active.delete(work);
    work.then(forget, forget);
  };
  const handler = createCallHandler({ methods, handlers, authenticate, logger, clock, maxRequestBytes, track });

  const server = createServer(sessionOptions);
  server.on("stream", handler);
  server.on("session", (session: ServerHttp2Session) => {
    if (session.destroyed) return;
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.setLocalWindowSize(sessionWindowBytes);
    const onDead = (): void => logger.info("A client's connection is dead");
    keepAlive(session, { clock, intervalMs: pingIntervalMs, timeoutMs: pingTimeoutMs, onDead });
  });
  // A client that vanishes or does not speak HTTP/2 concerns only its own calls, and they hear of it by themselves.
  server.on("sessionError", (error: Error) => logger.debug("A client's connection broke", { error }));

  const address = (): Address => {
    const bound = server.address() as AddressInfo | null;
    if (!bound) throw new Error("The RPC server does not listen.");
    return { host: bound.address, port: bound.port };
  };

  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, host, () => {
          server.off("error", reject);
          resolve(address());
        });
      }),
    address,
    async close({ graceMs }) {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      const allGone = Promise.all([...sessions].map(closeGently));
      await within(graceMs, clock, allGone);
      for (const session of sessions) session.destroy();
      if (!(await within(handlerEndMs, clock, Promise.allSettled(active.keys()))))
        logger.warn("Handlers did not end when their callers were cut off", { paths: [...active.values()] });
      await closed;
    },
    handler,
  };
}

/** Resolves when the session's last stream has ended and it is closed. */
function closeGently(session: Http2Session): Promise<void> {
  return new Promise((resolve) => {
    session.once("close", () => resolve());
    session.close();
  });
}

/** Waits for `work`, but no longer than `ms`; whether it was done by then. */
async function within(ms: number, clock: Clock, work: Promise<unknown>): Promise<boolean> {
  const late = new AbortController();
  const done = work.then(() => true);
  const timeout = delay(clock, ms, late.signal).then(
    () => false,
    () => false,
  );
  const result = await Promise.race([done, timeout]);
  late.abort();
  return result;
}
