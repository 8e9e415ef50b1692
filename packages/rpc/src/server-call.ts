// One call on the server: from the headers of an HTTP/2 stream to its end.
//
//   1. The path names the method, and only POST is allowed.
//   2. `authenticate` sees the headers. Nothing of the body has been read until it has agreed.
//   3. The content type is checked; then the request is read and parsed, and the handler runs.
//   4. The response begins with the handler's first word. What fails before that is a status and a problem; what fails
//      later is a problem in the trailer.
//   5. Once the response is sent, the rest of the request is read and forgotten: a reset could overtake the response.
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { Clock, Logger } from "@danube/kit";
import { DanubeError, isDanubeError, type Method, type MethodTable, toProblem } from "@danube/protocol";
import type { CallContext, Handlers } from "./handler.ts";
import { serveKind } from "./server-kinds.ts";
import { type BodyReader, connectionLost, createBodyReader } from "./wire/body-reader.ts";
import { type BodyWriter, createBodyWriter } from "./wire/body-writer.ts";
import { headerNames, NGHTTP2_NO_ERROR, problemType, requestTypes } from "./wire/content.ts";

export interface ServerCallOptions<T extends MethodTable, Principal> {
  readonly methods: T;
  readonly handlers: Handlers<T, Principal>;
  readonly authenticate: (headers: IncomingHttpHeaders) => Promise<Principal>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly maxRequestBytes: number;
  /** Told of every piece of a handler's work, so that a closing server can wait for it. */
  readonly track: (path: string, work: Promise<unknown>) => void;
}

/** A call whose caller is known. */
export interface ServerCall {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly body: BodyReader;
  readonly writer: BodyWriter;
  readonly context: CallContext<unknown>;
  readonly maxRequestBytes: number;
  /** Tells the server of a handler's work, so that it can wait for it when it closes. */
  readonly track: (work: Promise<unknown>) => void;
}

/** How long a caller may go on sending after its call was answered. */
const lingerMs = 10_000;
const longestDeadlineMs = 2_147_483_647;

/** The function that answers a stream. It never throws. */
export function createCallHandler<T extends MethodTable, Principal>(
  options: ServerCallOptions<T, Principal>,
): (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void {
  const { methods, handlers, authenticate, logger, clock, maxRequestBytes, track } = options;
  const byPath = new Map(Object.entries(methods).map(([name, method]) => [method.path as string, { name, method }]));

  const answer = async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> => {
    const body = createBodyReader(stream);
    const writer = createBodyWriter(stream);
    const abort = new AbortController();
    // `aborted` and `error` are always followed by `close`; without a listener an `error` would end the process.
    stream.on("error", () => undefined);
    let answered = false;
    stream.once("close", () => {
      if (!answered) abort.abort(connectionLost());
    });
    let cancelDeadline = (): void => undefined;
    let path = "unknown";
    try {
      const { name, method } = findMethod(byPath, headers);
      path = method.path;
      const deadlineMs = readDeadline(headers);
      if (deadlineMs !== undefined)
        cancelDeadline = clock.setTimeout(() => abort.abort(deadlineExceeded(deadlineMs)), deadlineMs);
      const principal = await authenticate(headers);
      checkContentType(method, headers);
      const context: CallContext<unknown> = { principal, signal: abort.signal, deadlineMs };
      const trackCall = (work: Promise<unknown>): void => track(method.path, work);
      const call = { stream, headers, body, writer, context, maxRequestBytes, track: trackCall };
      await serveKind(call, method, handlers[name] as never);
      answered = true;
    } catch (error) {
      if (!isDanubeError(error)) logger.error("A call failed unexpectedly", { path, error });
      fail(stream, writer, error);
    } finally {
      cancelDeadline();
      linger(stream, body, clock);
    }
  };
  return (stream, headers) => void answer(stream, headers);
}

function findMethod<V extends { readonly method: Method }>(
  byPath: ReadonlyMap<string, V>,
  headers: IncomingHttpHeaders,
): V {
  const found = byPath.get(headers[":path"] ?? "");
  if (!found) throw new DanubeError("not_found", "There is no such method here.");
  if (headers[":method"] !== "POST") throw new DanubeError("method_not_allowed", "Methods are called with POST.");
  return found;
}

function readDeadline(headers: IncomingHttpHeaders): number | undefined {
  const text = headers[headerNames.deadline];
  if (text === undefined) return undefined;
  if (typeof text !== "string" || !/^\d{1,15}$/.test(text))
    throw new DanubeError("invalid_request", `The header ${headerNames.deadline} must be a whole number.`);
  return Math.min(Number(text), longestDeadlineMs);
}

function checkContentType(method: Method, headers: IncomingHttpHeaders): void {
  const expected = requestTypes[method.kind];
  const given = headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (given !== expected) throw new DanubeError("unsupported_media_type", `The content-type must be ${expected}.`);
}

function deadlineExceeded(deadlineMs: number): DanubeError {
  return new DanubeError("deadline_exceeded", `The call took longer than the ${deadlineMs} ms its caller would wait.`);
}

function fail(stream: ServerHttp2Stream, writer: BodyWriter, error: unknown): void {
  if (stream.destroyed || stream.closed) return;
  const problem = toProblem(error);
  if (stream.headersSent) return writer.end(problem);
  const body = Buffer.from(JSON.stringify(problem));
  const headers: OutgoingHttpHeaders = {
    ":status": problem.status,
    "content-type": problemType,
    "content-length": body.length,
    ...(problem.status === 405 ? { allow: "POST" } : {}),
    ...(problem.status === 401 ? { "www-authenticate": "Bearer" } : {}),
  };
  stream.respond(headers);
  stream.end(body);
}

function linger(stream: ServerHttp2Stream, body: BodyReader, clock: Clock): void {
  if (stream.destroyed || stream.readableEnded) return;
  body.discard();
  const cancel = clock.setTimeout(() => stream.close(NGHTTP2_NO_ERROR), lingerMs);
  stream.once("close", cancel);
}
