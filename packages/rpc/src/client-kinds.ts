// How each kind of method is called over the wire.
import type { Clock } from "@danube/kit";
import {
  type DownloadMethod,
  type DuplexMethod,
  type Method,
  parseWith,
  type StreamMethod,
  type UnaryMethod,
  type UploadMethod,
} from "@danube/protocol";
import { createBackoff } from "./backoff.ts";
import { type CallScope, createCallScope } from "./call-scope.ts";
import type { ClientMethod, DownloadResult, UploadBody } from "./client-methods.ts";
import type { Connection } from "./connection.ts";
import { createDuplexCall } from "./duplex-call.ts";
import { type Exchange, openExchange, readResponse } from "./exchange.ts";
import { pump } from "./pump.ts";
import { callWithRetries, retry } from "./retry.ts";
import { readBytes } from "./wire/body-reader.ts";
import { headerNames, maxResponseBytes } from "./wire/content.ts";
import { createFrameReader } from "./wire/frame-reader.ts";
import { decodeHeaderJson, encodeHeaderJson, parseJsonValue } from "./wire/json.ts";

export interface ClientDependencies {
  readonly connection: Connection;
  readonly token: () => string;
  readonly clock: Clock;
}

export function createUnary(deps: ClientDependencies, method: UnaryMethod): ClientMethod<UnaryMethod> {
  return (request, options = {}) => {
    const body = Buffer.from(JSON.stringify(request));
    return callWithRetries(deps.clock, { deadlineMs: method.deadlineMs, ...options }, async (scope) => {
      const exchange = await openWith(deps, method, scope, body);
      return attempt(exchange, async () => readResponse(method.response, await exchange.response(), exchange.body));
    });
  };
}

export function createUpload(deps: ClientDependencies, method: UploadMethod): ClientMethod<UploadMethod> {
  return async (request, body, options = {}) => {
    const headers = { [headerNames.request]: encodeHeaderJson(request, "The request") };
    return callWithRetries(deps.clock, { deadlineMs: method.deadlineMs, ...options }, async (scope) => {
      const exchange = await openExchange({ ...deps, method, scope, headers });
      return attempt(exchange, async () => {
        // The server may answer before it has everything; then it wants no more, and the rest is not sent.
        const response = exchange.response();
        const stop = new AbortController();
        try {
          await Promise.race([response, sendBody(exchange, body, stop.signal)]);
          return await readResponse(method.response, await response, exchange.body);
        } finally {
          stop.abort();
        }
      });
    });
  };
}

export function createDownload(deps: ClientDependencies, method: DownloadMethod): ClientMethod<DownloadMethod> {
  return async (request, options = {}): Promise<DownloadResult<unknown>> => {
    const body = Buffer.from(JSON.stringify(request));
    const scope = createCallScope(deps.clock, { deadlineMs: method.deadlineMs, ...options });
    try {
      return await retry(
        async () => {
          const exchange = await openWith(deps, method, scope, body);
          try {
            const header = (await exchange.response())[headerNames.response];
            const response = decodeHeaderJson(method.response, header, "The response", "protocol_violation");
            return { response, body: readDownload(exchange, scope) };
          } catch (error) {
            exchange.close();
            throw exchange.explain(error);
          }
        },
        { scope, clock: deps.clock, backoff: createBackoff() },
      );
    } catch (error) {
      scope.dispose();
      throw error;
    }
  };
}

export function createStream(deps: ClientDependencies, method: StreamMethod): ClientMethod<StreamMethod> {
  return async function* (request, options = {}) {
    const scope = createCallScope(deps.clock, options);
    try {
      const exchange = await openWith(deps, method, scope, Buffer.from(JSON.stringify(request)));
      try {
        await exchange.response();
        yield* readEvents(exchange, method.event);
      } catch (error) {
        throw exchange.explain(error);
      } finally {
        exchange.close();
      }
    } finally {
      scope.dispose();
    }
  };
}

export function createDuplex(deps: ClientDependencies, method: DuplexMethod): ClientMethod<DuplexMethod> {
  return (request, options = {}) => {
    const scope = createCallScope(deps.clock, options);
    return createDuplexCall({
      scope,
      open: () => openExchange({ ...deps, method, scope }),
      request,
      readFrames: (exchange) => readEvents(exchange, method.serverFrame),
    });
  };
}

async function* readEvents<S extends Parameters<typeof parseWith>[0]>(exchange: Exchange, schema: S) {
  const reader = createFrameReader(exchange.body, { maxLineBytes: maxResponseBytes, code: "protocol_violation" });
  for (let line = await reader.line(); line; line = await reader.line())
    yield parseWith(schema, parseJsonValue(line, "A line", "protocol_violation"), "A line", "protocol_violation");
}

async function* readDownload(exchange: Exchange, scope: CallScope): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* readBytes(exchange.body);
  } catch (error) {
    throw exchange.explain(error);
  } finally {
    exchange.close();
    scope.dispose();
  }
}

/** Opens an exchange whose whole request is one JSON value. */
async function openWith(deps: ClientDependencies, method: Method, scope: CallScope, body: Buffer): Promise<Exchange> {
  const exchange = await openExchange({ ...deps, method, scope, headers: { "content-length": body.length } });
  exchange.stream.end(body);
  return exchange;
}

async function attempt<T>(exchange: Exchange, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw exchange.explain(error);
  } finally {
    exchange.close();
  }
}

/** Resolves when all is sent, or the stream has closed: what becomes of the call then is for its response to tell. */
async function sendBody(exchange: Exchange, body: UploadBody, stop: AbortSignal): Promise<void> {
  const source = body instanceof Uint8Array ? slices(body) : body();
  try {
    await pump(source, { signal: stop, track: () => undefined }, (chunk) => exchange.writer.write(chunk));
    exchange.writer.end();
  } catch (error) {
    if (exchange.stream.closed || exchange.stream.destroyed) return;
    throw error;
  }
}

const sliceBytes = 262_144;

async function* slices(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let offset = 0; offset < bytes.length; offset += sliceBytes) yield bytes.subarray(offset, offset + sliceBytes);
}
