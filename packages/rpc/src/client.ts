import type { Clock, Logger } from "@danube/kit";
import type { MethodTable } from "@danube/protocol";
import type { RpcClient } from "./client-methods.ts";

export interface RpcClientOptions<T extends MethodTable> {
  /** Where the server listens, such as `http://127.0.0.1:9000`. */
  readonly url: string;
  readonly methods: T;
  /** The bearer token, or a function that is asked for it on each call. */
  readonly token: string | (() => string);
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How often the connection is tested while calls are open. 10 s unless told otherwise. */
  readonly pingIntervalMs?: number;
  /** How long the other side has to answer such a test, or to accept a connection. 10 s unless told otherwise. */
  readonly pingTimeoutMs?: number;
}

/** A client of one table. Connects when it is first used, and again whenever the connection is lost. */
export declare function createRpcClient<T extends MethodTable>(options: RpcClientOptions<T>): RpcClient<T>;
