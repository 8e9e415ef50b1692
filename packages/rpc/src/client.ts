import { type Clock, type Logger, systemClock } from "@danube/kit";
import { assertNever, type Method, type MethodTable } from "@danube/protocol";
import {
  type ClientDependencies,
  createDownload,
  createDuplex,
  createStream,
  createUnary,
  createUpload,
} from "./client-kinds.ts";
import type { ClientMethods, RpcClient } from "./client-methods.ts";
import { createConnection } from "./connection.ts";

export interface RpcClientOptions<T extends MethodTable> {
  /** Where the server listens, such as `http://127.0.0.1:9000`. */
  readonly url: string;
  readonly methods: T;
  /** The bearer token, or a function that is asked for it on each call. */
  readonly token: string | (() => string);
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How often the connection is tested. 10 s unless told otherwise. */
  readonly pingIntervalMs?: number;
  /** How long the other side has to answer such a test, or to accept a connection. 10 s unless told otherwise. */
  readonly pingTimeoutMs?: number;
  /** Whether an open connection keeps this process from ending by itself. True unless told otherwise. */
  readonly keepsProcessAlive?: boolean;
}

/** A client of one table. Connects when it is first used, and again whenever the connection is lost. */
export function createRpcClient<T extends MethodTable>(options: RpcClientOptions<T>): RpcClient<T> {
  const { url, methods, token, logger, clock = systemClock, pingIntervalMs = 10_000, pingTimeoutMs = 10_000 } = options;
  const { keepsProcessAlive = true } = options;
  const connection = createConnection({ url, logger, clock, pingIntervalMs, pingTimeoutMs, keepsProcessAlive });
  const deps = { connection, clock, token: typeof token === "string" ? () => token : token };
  const functions = Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [name, createMethod(deps, method)]),
  ) as unknown as ClientMethods<T>;
  return { ...functions, close: () => connection.close() };
}

function createMethod(deps: ClientDependencies, method: Method): unknown {
  switch (method.kind) {
    case "unary":
      return createUnary(deps, method);
    case "stream":
      return createStream(deps, method);
    case "upload":
      return createUpload(deps, method);
    case "download":
      return createDownload(deps, method);
    case "duplex":
      return createDuplex(deps, method);
    default:
      return assertNever(method);
  }
}
