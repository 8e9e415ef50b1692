// A client without a wire: calls the handlers in this process. Requests, frames and answers are parsed as they would be on
// arrival, errors are told as they would be over the wire, deadlines and retries are the same.
import { type Clock, type Logger, systemClock } from "@danube/kit";
import { assertNever, type Method, type MethodTable } from "@danube/protocol";
import type { CallScope } from "./call-scope.ts";
import type { ClientMethods, RpcClient } from "./client-methods.ts";
import type { Handler, Handlers } from "./handler.ts";
import type { LocalDependencies } from "./local-call.ts";
import { createLocalDuplex } from "./local-duplex.ts";
import { createLocalDownload, createLocalStream, createLocalUnary, createLocalUpload } from "./local-kinds.ts";
import { connectionLost } from "./wire/body-reader.ts";

export interface LocalClientOptions<T extends MethodTable, Principal> {
  readonly methods: T;
  readonly handlers: Handlers<T, Principal>;
  readonly principal: Principal;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** A client that calls the handlers in this process: the same checks of requests and the same errors, and no wire. */
export function createLocalClient<T extends MethodTable, Principal>(
  options: LocalClientOptions<T, Principal>,
): RpcClient<T> {
  const { methods, handlers, principal, logger, clock = systemClock } = options;
  const open = new Set<CallScope>();
  let closed = false;
  const deps: LocalDependencies = {
    principal,
    logger,
    clock,
    enter(scope) {
      if (closed) throw connectionLost();
      open.add(scope);
    },
    leave: (scope) => void open.delete(scope),
  };
  const functions = Object.fromEntries(
    Object.entries(methods).map(([name, method]) => [name, createMethod(deps, method, handlers[name] as never)]),
  ) as unknown as ClientMethods<T>;
  return {
    ...functions,
    async close() {
      closed = true;
      for (const scope of open) scope.abort(connectionLost());
    },
  };
}

function createMethod(deps: LocalDependencies, method: Method, handler: Handler<Method, unknown>): unknown {
  switch (method.kind) {
    case "unary":
      return createLocalUnary(deps, method, handler as never);
    case "stream":
      return createLocalStream(deps, method, handler as never);
    case "upload":
      return createLocalUpload(deps, method, handler as never);
    case "download":
      return createLocalDownload(deps, method, handler as never);
    case "duplex":
      return createLocalDuplex(deps, method, handler as never);
    default:
      return assertNever(method);
  }
}
