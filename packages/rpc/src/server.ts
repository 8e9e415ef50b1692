import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Address, Clock, Logger } from "@danube/kit";
import type { MethodTable } from "@danube/protocol";
import type { Handlers } from "./handler.ts";

export interface RpcServerOptions<T extends MethodTable, Principal> {
  readonly methods: T;
  readonly handlers: Handlers<T, Principal>;
  /** Finds out who calls from the request's headers; throws `unauthenticated` or `forbidden`. Runs before any of the body is read. */
  readonly authenticate: (headers: IncomingHttpHeaders) => Promise<Principal>;
  readonly logger: Logger;
  /** The most bytes of a JSON value: a request, or a frame without its payload. 4 MiB unless told otherwise. */
  readonly maxRequestBytes?: number;
  readonly clock?: Clock;
}

export interface RpcServer {
  /** Begins to accept. Resolves with the address, whose port was chosen by the system if 0 was asked for. */
  listen(address: Address): Promise<Address>;
  /** Where it listens; throws if it does not. */
  address(): Address;
  /** Accepts nothing new, tells every client to go elsewhere, waits for open calls up to `graceMs`, then cuts them off. */
  close(options: { readonly graceMs: number }): Promise<void>;
  /** Answers one HTTP/2 stream. */
  readonly handler: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;
}

export declare function createRpcServer<T extends MethodTable, Principal>(
  options: RpcServerOptions<T, Principal>,
): RpcServer;
