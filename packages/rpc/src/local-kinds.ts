// How each kind of method is called in process.
import type { Clock, Logger } from "@danube/kit";
import {
  type DownloadMethod,
  type DuplexMethod,
  fromProblem,
  isDanubeError,
  type Method,
  parseWith,
  type StreamMethod,
  toProblem,
  type UnaryMethod,
  type UploadMethod,
} from "@danube/protocol";
import type { z } from "zod";
import { createBackoff } from "./backoff.ts";
import { type CallScope, createCallScope } from "./call-scope.ts";
import { createChannel } from "./channel.ts";
import type { CallOptions, ClientMethod, DownloadResult, UploadBody } from "./client-methods.ts";
import type { CallContext, DuplexFrame, Handler } from "./handler.ts";
import { raceAbort } from "./race-abort.ts";
import { retry } from "./retry.ts";
import { connectionLost } from "./wire/body-reader.ts";
import { checkPayload } from "./wire/duplex-frames.ts";

export interface LocalDependencies {
  readonly principal: unknown;
  readonly logger: Logger;
  readonly clock: Clock;
  /** A call begins; throws when the client is closed. */
  readonly enter: (scope: CallScope) => void;
  readonly leave: (scope: CallScope) => void;
}

/** How many frames of a duplex call may wait for the handler. */
const frameCapacity = 4;

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

export function createLocalDuplex(
  deps: LocalDependencies,
  method: DuplexMethod,
  handler: Handler<DuplexMethod, unknown>,
): ClientMethod<DuplexMethod> {
  return (request, options = {}) => {
    const scope = createCallScope(deps.clock, options);
    const channel = createChannel<DuplexFrame<unknown>>(frameCapacity);
    scope.signal.addEventListener("abort", () => channel.fail(connectionLost()), { once: true });
    if (scope.signal.aborted) channel.fail(connectionLost());
    const open = (): AsyncIterable<unknown> =>
      handler(parseRequest(method, request), channel.items(), contextOf(deps, scope));
    const parse = (frame: unknown): unknown => parseResponse(method.serverFrame, frame);
    // Over the wire the handler runs whether or not anybody listens yet; so it does here.
    const frames = follow(deps, method, scope, open, parse, () => channel.fail(connectionLost()));
    const first = frames.next();
    first.catch(() => undefined);
    return {
      async send(frame, payload) {
        checkPayload(frame, payload);
        try {
          const parsed = parseWith(method.clientFrame, frame, "A frame");
          await channel.send(payload?.length ? { frame: parsed, payload: asBuffer(payload) } : { frame: parsed });
        } catch (error) {
          throw scope.signal.aborted ? scope.signal.reason : error;
        }
      },
      end: () => channel.end(),
      close: () => scope.abort(connectionLost()),
      async *[Symbol.asyncIterator]() {
        try {
          const result = await first;
          if (!result.done) yield result.value;
          if (!result.done) yield* frames;
        } finally {
          await frames.return();
        }
      },
    };
  };
}

/** Iterates what a handler gives, until it ends, the scope aborts or the reader leaves; then the handler is told to finish. */
async function* follow<T, R>(
  deps: LocalDependencies,
  method: Method,
  scope: CallScope,
  open: () => AsyncIterable<T>,
  convert: (item: T) => R,
  onOver: () => void = () => undefined,
): AsyncGenerator<R, void, undefined> {
  let iterator: AsyncIterator<T> | undefined;
  try {
    deps.enter(scope);
    const next = async (): Promise<IteratorResult<T>> => {
      iterator ??= open()[Symbol.asyncIterator]();
      return iterator.next();
    };
    for (;;) {
      const result = await told(deps, method, scope, () => raceAbort(next(), scope.signal));
      if (result.done) return;
      yield convert(result.value);
    }
  } finally {
    leave(deps, scope);
    onOver();
    scope.abort(connectionLost());
    // In its own time: a handler that is slow to finish must not hold its former caller.
    void finish(iterator);
  }
}

async function finish(iterator: AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // Nobody is left to tell.
  }
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

/** What `run` throws, as the wire would tell it: known errors without their causes, others as `internal`. */
async function told<T>(
  { logger }: LocalDependencies,
  method: Method,
  scope: CallScope,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (scope.signal.aborted) throw scope.signal.reason;
    if (error instanceof SourceError) throw error.cause;
    if (!isDanubeError(error)) logger.error("A call failed unexpectedly", { path: method.path, error });
    throw fromProblem(toProblem(error));
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

/** Carries what the caller's own source of bytes threw past the telling of the handler's errors. */
class SourceError extends Error {
  constructor(cause: unknown) {
    super("The source of an upload failed.", { cause });
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

/** The same bytes as a Buffer, not copied. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function contextOf({ principal }: LocalDependencies, scope: CallScope): CallContext<unknown> {
  return { principal, signal: scope.signal, deadlineMs: scope.remainingMs() };
}

function leave(deps: LocalDependencies, scope: CallScope): void {
  deps.leave(scope);
  scope.dispose();
}

function parseRequest<S extends z.ZodType>(method: { readonly request: S }, request: unknown): z.output<S> {
  return parseWith(method.request, request, "The request");
}

function parseResponse<S extends z.ZodType>(schema: S, response: unknown): z.output<S> {
  return parseWith(schema, response, "The response", "protocol_violation");
}
