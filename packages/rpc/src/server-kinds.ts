// How each kind of method reads its request, runs its handler and writes its response.
import type { OutgoingHttpHeaders } from "node:http2";
import {
  assertNever,
  DanubeError,
  type DownloadMethod,
  type DuplexMethod,
  type Method,
  type StreamMethod,
  type UnaryMethod,
  type UploadMethod,
} from "@danube/protocol";
import type { z } from "zod";
import type { Handler } from "./handler.ts";
import { type PumpCall, pump } from "./pump.ts";
import { raceAbort } from "./race-abort.ts";
import type { ServerCall } from "./server-call.ts";
import { readAnnounced, readBytes } from "./wire/body-reader.ts";
import { headerNames, responseTypes } from "./wire/content.ts";
import { readDuplexFrames } from "./wire/duplex-frames.ts";
import { createFrameReader } from "./wire/frame-reader.ts";
import { decodeHeaderJson, encodeHeaderJson, parseJson } from "./wire/json.ts";

/** Serves a call whose caller is known. Throws what the caller is to be told. */
export function serveKind(call: ServerCall, method: Method, handler: Handler<Method, unknown>): Promise<void> {
  switch (method.kind) {
    case "unary":
      return serveUnary(call, method, handler as Handler<UnaryMethod, unknown>);
    case "stream":
      return serveStream(call, method, handler as Handler<StreamMethod, unknown>);
    case "upload":
      return serveUpload(call, method, handler as Handler<UploadMethod, unknown>);
    case "download":
      return serveDownload(call, method, handler as Handler<DownloadMethod, unknown>);
    case "duplex":
      return serveDuplex(call, method, handler as Handler<DuplexMethod, unknown>);
    default:
      return assertNever(method);
  }
}

async function serveUnary(
  call: ServerCall,
  method: UnaryMethod,
  handler: Handler<UnaryMethod, unknown>,
): Promise<void> {
  const request = await readRequest(call, method);
  respondOnce(call, await run(call, handler(request, call.context)));
}

async function serveUpload(
  call: ServerCall,
  method: UploadMethod,
  handler: Handler<UploadMethod, unknown>,
): Promise<void> {
  const header = call.headers[headerNames.request];
  const request = decodeHeaderJson(method.request, header, "The request", "invalid_request");
  respondOnce(call, await run(call, handler(request, readBytes(call.body), call.context)));
}

async function serveStream(
  call: ServerCall,
  method: StreamMethod,
  handler: Handler<StreamMethod, unknown>,
): Promise<void> {
  const request = await readRequest(call, method);
  await writeLines(call, method, handler(request, call.context));
}

async function serveDuplex(
  call: ServerCall,
  method: DuplexMethod,
  handler: Handler<DuplexMethod, unknown>,
): Promise<void> {
  const reader = createFrameReader(call.body, { maxLineBytes: call.maxRequestBytes, code: "invalid_request" });
  const line = await raceAbort(reader.line(), call.context.signal);
  if (!line) throw new DanubeError("invalid_request", "The request is missing.");
  const request = parseJson(method.request, line, "The request", "invalid_request");
  await writeLines(call, method, handler(request, readDuplexFrames(reader, method.clientFrame), call.context));
}

async function serveDownload(
  call: ServerCall,
  method: DownloadMethod,
  handler: Handler<DownloadMethod, unknown>,
): Promise<void> {
  const request = await readRequest(call, method);
  const download = await run(call, handler(request, call.context));
  begin(call, method, { [headerNames.response]: encodeHeaderJson(download.response, "The response") });
  await pump(download.body, pumpOf(call), (chunk) => call.writer.write(chunk));
  call.writer.end();
}

async function readRequest<S extends z.ZodType>(
  call: ServerCall,
  method: { readonly request: S },
): Promise<z.output<S>> {
  const reading = readAnnounced(call.body, call.headers["content-length"], call.maxRequestBytes, "invalid_request");
  return parseJson(method.request, await raceAbort(reading, call.context.signal), "The request", "invalid_request");
}

/** What a handler comes to, unless nobody waits for it any more. */
function run<T>(call: ServerCall, work: Promise<T>): Promise<T> {
  call.track(work);
  return raceAbort(work, call.context.signal);
}

function pumpOf(call: ServerCall): PumpCall {
  return { signal: call.context.signal, track: call.track };
}

function respondOnce(call: ServerCall, response: unknown): void {
  call.context.signal.throwIfAborted();
  const body = Buffer.from(JSON.stringify(response));
  call.stream.respond({ ":status": 200, "content-type": responseTypes.unary, "content-length": body.length });
  call.stream.end(body);
}

/** Begins a response whose trailer will say how it ended. */
function begin(call: ServerCall, method: Method, headers: OutgoingHttpHeaders = {}): void {
  call.context.signal.throwIfAborted();
  const all = { ":status": 200, "content-type": responseTypes[method.kind], ...headers };
  call.stream.respond(all, { waitForTrailers: true });
}

/** The response begins with the first line, so that a handler that fails before it still has a status to fail with. */
async function writeLines(call: ServerCall, method: Method, lines: AsyncIterable<unknown>): Promise<void> {
  await pump(lines, pumpOf(call), (line) => {
    if (!call.stream.headersSent) begin(call, method);
    return call.writer.write(Buffer.from(`${JSON.stringify(line)}\n`));
  });
  if (!call.stream.headersSent) begin(call, method);
  call.writer.end();
}
