// How each kind of method but the duplex one is called in process.
import type { DownloadMethod, StreamMethod, UnaryMethod, UploadMethod } from "@danube/protocol";
import { createBackoff } from "./backoff.ts";
import { type CallScope, createCallScope } from "./call-scope.ts";
import type { CallOptions, ClientMethod, DownloadResult, UploadBody } from "./client-methods.ts";
import type { Handler } from "./handler.ts";
import {
  asBuffer,
  contextOf,
  finish,
  follow,
  type LocalDependencies,
  leave,
  parseRequest,
  parseResponse,
  SourceError,
  told,
} from "./local-call.ts";
import { raceAbort } from "./race-abort.ts";
import { retry } from "./retry.ts";
import { connectionLost } from "./wire/body-reader.ts";

export function createLocalUnary(
  deps: LocalDependencies,
  method: UnaryMethod,
  handler: Handler<UnaryMethod, unknown>,
): ClientMethod<UnaryMethod> {
  return (request, options = {}) =>
    callLocally(deps, method, options, async (scope) => {
      const work = handler(parseRequest(method, request), contextOf(deps, scope));
      return parseResponse(method.response, await raceAbort(work, scope.signal));
    });
}

export function createLocalUpload(
  deps: LocalDependencies,
  method: UploadMethod,
  handler: Handler<UploadMethod, unknown>,
): ClientMethod<UploadMethod> {
  return (request, body, options = {}) =>
    callLocally(deps, method, options, async (scope) => {
      const stop = new AbortController();
      const source = pulled(body, AbortSignal.any([scope.signal, stop.signal]));
      try {
        const work = handler(parseRequest(method, request), source.chunks, contextOf(deps, scope));
        return parseResponse(method.response, await Promise.race([raceAbort(work, scope.signal), source.failed]));
      } finally {
        stop.abort(connectionLost());
      }
    });
}

export function createLocalDownload(
  deps: LocalDependencies,
  method: DownloadMethod,
  handler: Handler<DownloadMethod, unknown>,
): ClientMethod<DownloadMethod> {
  return async (request, options = {}): Promise<DownloadResult<unknown>> => {
    const scope = createCallScope(deps.clock, { deadlineMs: method.deadlineMs, ...options });
    try {
      deps.enter(scope);
      return await retry(
        () =>
          told(deps, method, scope, async () => {
            const work = handler(parseRequest(method, request), contextOf(deps, scope));
            const { response, body } = await raceAbort(work, scope.signal);
            return {
              response: parseResponse(method.response, response),
              body: follow(deps, method, scope, () => body, asBuffer),
            };
          }),
        { scope, clock: deps.clock, backoff: createBackoff() },
      );
    } catch (error) {
      leave(deps, scope);
      throw error;
    }
  };
}

export function createLocalStream(
  deps: LocalDependencies,
  method: StreamMethod,
  handler: Handler<StreamMethod, unknown>,
): ClientMethod<StreamMethod> {
  return (request, options = {}) => {
    const scope = createCallScope(deps.clock, options);
    const open = (): AsyncIterable<unknown> => handler(parseRequest(method, request), contextOf(deps, scope));
    return follow(deps, method, scope, open, (event) => parseResponse(method.event, event));
  };
}

async function callLocally<T>(
  deps: LocalDependencies,
  method: UnaryMethod | UploadMethod,
  options: CallOptions,
  run: (scope: CallScope) => Promise<T>,
): Promise<T> {
  const scope = createCallScope(deps.clock, { deadlineMs: method.deadlineMs, ...options });
  try {
    deps.enter(scope);
    return await retry(() => told(deps, method, scope, () => run(scope)), {
      scope,
      clock: deps.clock,
      backoff: createBackoff(),
    });
  } finally {
    leave(deps, scope);
  }
}

/** The bytes of an upload as the handler sees them; `failed` rejects with what the caller's own source threw. */
function pulled(body: UploadBody, signal: AbortSignal): { chunks: AsyncIterable<Buffer>; failed: Promise<never> } {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => undefined);
  async function* chunks(): AsyncGenerator<Buffer, void, undefined> {
    const iterator = (body instanceof Uint8Array ? once(body) : body())[Symbol.asyncIterator]();
    try {
      for (;;) {
        const result = await raceAbort(iterator.next(), signal);
        if (result.done) return;
        yield asBuffer(result.value);
      }
    } catch (error) {
      if (!signal.aborted) reject(new SourceError(error));
      throw connectionLost(error);
    } finally {
      void finish(iterator);
    }
  }
  return { chunks: chunks(), failed };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
