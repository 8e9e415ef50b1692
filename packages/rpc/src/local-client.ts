import type { Logger } from "@danube/kit";
import type { MethodTable } from "@danube/protocol";
import type { RpcClient } from "./client-methods.ts";
import type { Handlers } from "./handler.ts";

export interface LocalClientOptions<T extends MethodTable, Principal> {
  readonly methods: T;
  readonly handlers: Handlers<T, Principal>;
  readonly principal: Principal;
  readonly logger: Logger;
}

/** A client that calls the handlers in this process: the same checks of requests and the same errors, and no wire. */
export declare function createLocalClient<T extends MethodTable, Principal>(
  options: LocalClientOptions<T, Principal>,
): RpcClient<T>;
