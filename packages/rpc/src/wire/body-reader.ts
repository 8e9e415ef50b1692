// Reads the body of an HTTP/2 stream, no faster than it is asked for.
//
// Node reports a stream that the other side reset as ended: `end` comes first and the error later, or never. So the end of
// a body proves nothing. A body is whole when its trailer says so, or when it has the length that its header announced.
import type { Http2Stream, IncomingHttpHeaders } from "node:http2";
import { DanubeError, type ErrorCode, fromProblem, Problem } from "@danube/protocol";
import { headerNames } from "./content.ts";
import { decodeHeaderJson } from "./json.ts";

export interface BodyReader {
  /** The next bytes; undefined at the end of the body. Throws `connection_lost` if the stream closed before. One at a time. */
  next(): Promise<Buffer | undefined>;
  /**
   * Throws unless the trailer says that the body is whole: the problem that it carries, or `connection_lost`. To be called
   * after the end of the body.
   */
  checkWhole(): void;
  /** Reads and forgets the rest. */
  discard(): void;
}

/** Unread bytes beyond this pause the stream; then its HTTP/2 window fills and the sender has to wait. */
const pauseAtBytes = 262_144;

/** To be made as soon as the stream exists, or its trailer could be missed. Reads nothing before the first `next`. */
export function createBodyReader(stream: Http2Stream): BodyReader {
  const chunks: Buffer[] = [];
  let queuedBytes = 0;
  let reading = false;
  let ended = false;
  let closed = false;
  let discarding = false;
  let trailers: IncomingHttpHeaders | undefined;
  let wake: (() => void) | undefined;

  const onChange = (): void => {
    wake?.();
    wake = undefined;
  };
  stream.once("trailers", (headers: IncomingHttpHeaders) => {
    trailers = headers;
  });
  stream.once("end", () => {
    ended = true;
    onChange();
  });
  stream.once("close", () => {
    closed = true;
    onChange();
  });
  const onData = (chunk: Buffer): void => {
    if (discarding) return;
    chunks.push(chunk);
    queuedBytes += chunk.length;
    if (queuedBytes >= pauseAtBytes) stream.pause();
    onChange();
  };
  const begin = (): void => {
    reading = true;
    stream.on("data", onData);
  };

  return {
    async next() {
      if (!reading) begin();
      for (;;) {
        const chunk = chunks.shift();
        if (chunk) {
          queuedBytes -= chunk.length;
          if (queuedBytes < pauseAtBytes && stream.isPaused()) stream.resume();
          return chunk;
        }
        if (ended) return undefined;
        if (closed) throw connectionLost();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    checkWhole() {
      const problem = trailers?.[headerNames.problem];
      if (problem !== undefined)
        throw fromProblem(decodeHeaderJson(Problem, problem, "The problem in the trailer", "protocol_violation"));
      if (trailers?.[headerNames.end] === undefined) throw connectionLost();
    },
    discard() {
      discarding = true;
      chunks.length = 0;
      if (!reading) begin();
      stream.resume();
    },
  };
}

/** Yields a body's bytes; throws instead of ending when the trailer does not say that they are all. */
export async function* readBytes(body: BodyReader): AsyncGenerator<Buffer, void, undefined> {
  for (let chunk = await body.next(); chunk; chunk = await body.next()) yield chunk;
  body.checkWhole();
}

/**
 * All bytes of a body that announced its length. Throws `payload_too_large` beyond `maxBytes` without reading on, and `code`
 * when the announcement is missing or wrong.
 */
export async function readAnnounced(
  body: BodyReader,
  contentLength: string | undefined,
  maxBytes: number,
  code: ErrorCode,
): Promise<Buffer> {
  if (contentLength === undefined || !/^\d{1,15}$/.test(contentLength))
    throw new DanubeError(code, "The header content-length is missing or not a number.");
  const announcedBytes = Number(contentLength);
  if (announcedBytes > maxBytes)
    throw new DanubeError(
      "payload_too_large",
      `The body has ${announcedBytes} bytes; at most ${maxBytes} are allowed.`,
    );
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for (let chunk = await body.next(); chunk; chunk = await body.next()) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes > announcedBytes) throw new DanubeError(code, "The body is longer than its content-length.");
  }
  if (sizeBytes < announcedBytes) throw connectionLost();
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

/** The error of whoever waits for a connection that broke. */
export function connectionLost(cause?: unknown): DanubeError {
  return new DanubeError("connection_lost", "The connection broke before the call was complete.", { cause });
}
