import { DanubeError } from "@danube/protocol";
import { type ByteRange, decideRange } from "./byte-range.ts";
import type { ApiContext } from "./api-env.ts";

export interface SentBytes {
  readonly sizeBytes: number;
  readonly contentType: string;
  /** Gives these bytes; called at most once, and not at all for HEAD. Closes what it opened, also when it is left early. */
  readonly read: (range: ByteRange) => AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A strong entity tag with its quotes: bytes under it never change. */
  readonly etag?: string;
}

/**
 * Answers with bytes or the range that was asked for. They come from jobs, so nothing in them may run: the type is never
 * guessed, and a page made of them has no origin and no scripts.
 */
export function sendBytes(c: ApiContext, { sizeBytes, contentType, read, headers = {}, etag }: SentBytes): Response {
  const common = {
    ...headers,
    "content-type": contentType,
    "accept-ranges": "bytes",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
    ...(etag === undefined ? {} : { etag }),
  };
  if (etag !== undefined && matches(c.req.header("if-none-match"), etag)) return c.body(null, 304, common);
  const condition = c.req.header("if-range");
  const asked = condition === undefined || condition === etag ? c.req.header("range") : undefined;
  const decision = decideRange(asked, sizeBytes);
  if (decision.kind === "unsatisfiable") {
    c.header("content-range", `bytes */${sizeBytes}`);
    throw new DanubeError("range_not_satisfiable", `The range ${asked ?? ""} is outside of ${sizeBytes} bytes.`);
  }
  const range = decision.kind === "part" ? decision.range : { start: 0, end: sizeBytes };
  const length = range.end - range.start;
  // Nothing is opened before somebody reads, and the reading follows the socket's pace.
  const body =
    c.req.method === "HEAD" || length === 0
      ? null
      : (ReadableStream.from(read(range)) as ReadableStream<Uint8Array<ArrayBuffer>>);
  const respond = (status: 200 | 206, all: Record<string, string>): Response =>
    body === null ? c.body(null, status, all) : c.body(body, status, all);
  const lengthHeader = { "content-length": String(length) };
  if (decision.kind === "whole") return respond(200, { ...common, ...lengthHeader });
  const contentRange = `bytes ${range.start}-${range.end - 1}/${sizeBytes}`;
  return respond(206, { ...common, ...lengthHeader, "content-range": contentRange });
}

function matches(header: string | undefined, etag: string): boolean {
  return (
    header !== undefined &&
    header.split(",").some((entry) => entry.trim().replace(/^W\//, "") === etag || entry.trim() === "*")
  );
}
