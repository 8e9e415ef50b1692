// What all calls in process have in common: who calls, how errors are told, how a handler's output is followed.
import type { Clock, Logger } from "@danube/kit";
import { fromProblem, isDanubeError, type Method, parseWith, toProblem } from "@danube/protocol";
import type { z } from "zod";
import type { CallScope } from "./call-scope.ts";
import type { CallContext } from "./handler.ts";
import { raceAbort } from "./race-abort.ts";
import { connectionLost } from "./wire/body-reader.ts";

export interface LocalDependencies {
  readonly principal: unknown;
  readonly logger: Logger;
  readonly clock: Clock;
  /** A call begins; throws when the client is closed. */
  readonly enter: (scope: CallScope) => void;
  readonly leave: (scope: CallScope) => void;
}

/** Iterates what a handler gives, until it ends, fails or aborts, or the reader leaves. The handler is told to finish. */
export async function* follow<T, R>(
  deps: LocalDependencies,
  method: Method,
  scope: CallScope,
  open: () => AsyncIterable<T>,
  convert: (item: T) => R,
): AsyncGenerator<R, void, undefined> {
  let iterator: AsyncIterator<T> | undefined;
  let ended = false;
  try {
    deps.enter(scope);
    const next = async (): Promise<IteratorResult<T>> => {
      iterator ??= open()[Symbol.asyncIterator]();
      return iterator.next();
    };
    for (;;) {
      // Ended or failed by itself, the handler needs no signal any more.
      ended = true;
      const result = await told(deps, method, scope, () => raceAbort(next(), scope.signal));
      ended = result.done === true;
      if (result.done) return;
      yield convert(result.value);
    }
  } finally {
    leave(deps, scope);
    if (!ended) scope.abort(connectionLost());
    // In its own time: a handler that is slow to finish must not hold its former caller.
    void finish(iterator);
  }
}

export async function finish(iterator: AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch {
    // Nobody is left to tell.
  }
}

/** What `run` throws, as the wire would tell it: known errors without their causes, others as `internal`. */
export async function told<T>(
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

/** Carries what the caller's own source of bytes threw past the telling of the handler's errors. */
export class SourceError extends Error {
  constructor(cause: unknown) {
    super("The source of an upload failed.", { cause });
  }
}

/** The same bytes as a Buffer, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function contextOf({ principal }: LocalDependencies, scope: CallScope): CallContext<unknown> {
  return { principal, signal: scope.signal, deadlineMs: scope.remainingMs() };
}

export function leave(deps: LocalDependencies, scope: CallScope): void {
  deps.leave(scope);
  scope.dispose();
}

export function parseRequest<S extends z.ZodType>(method: { readonly request: S }, request: unknown): z.output<S> {
  return parseWith(method.request, request, "The request");
}

export function parseResponse<S extends z.ZodType>(schema: S, response: unknown): z.output<S> {
  return parseWith(schema, response, "The response", "protocol_violation");
}
