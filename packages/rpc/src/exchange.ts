// One try of a call on the client: a stream of the shared session, and how it may end.
import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader, OutgoingHttpHeaders } from "node:http2";
import { DanubeError, fromProblem, type Method, Problem } from "@danube/protocol";
import type { z } from "zod";
import type { CallScope } from "./call-scope.ts";
import type { Connection } from "./connection.ts";
import { raceAbort } from "./race-abort.ts";
import { type BodyReader, connectionLost, createBodyReader, readAnnounced } from "./wire/body-reader.ts";
import { type BodyWriter, createBodyWriter } from "./wire/body-writer.ts";
import {
  headerNames,
  maxResponseBytes,
  NGHTTP2_CANCEL,
  problemType,
  requestTypes,
  responseTypes,
} from "./wire/content.ts";
import { parseJson } from "./wire/json.ts";

type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

export interface Exchange {
  readonly stream: ClientHttp2Stream;
  readonly body: BodyReader;
  readonly writer: BodyWriter;
  /** The headers of a good response. Throws the problem that the server answered, or `connection_lost`. */
  response(): Promise<ResponseHeaders>;
  /** What to throw in place of `error`: the scope's reason if that is what ended the exchange. */
  explain(error: unknown): unknown;
  /** Gives the stream up; nothing happens if it has ended already. */
  close(): void;
}

export interface ExchangeOptions {
  readonly connection: Connection;
  readonly token: () => string;
  readonly method: Method;
  readonly scope: CallScope;
  readonly headers?: OutgoingHttpHeaders;
}

/** Opens a stream and sends the headers. Throws `connection_lost`, or the scope's reason. */
export async function openExchange(options: ExchangeOptions): Promise<Exchange> {
  const { connection, token, method, scope } = options;
  const session = await raceAbort(connection.session(), scope.signal);
  const remainingMs = scope.remainingMs();
  const headers = {
    ":method": "POST",
    ":path": method.path,
    authorization: `Bearer ${token()}`,
    "content-type": requestTypes[method.kind],
    ...(remainingMs === undefined ? {} : { [headerNames.deadline]: String(Math.ceil(remainingMs)) }),
    ...options.headers,
  };
  const waitForTrailers = method.kind === "upload" || method.kind === "duplex";
  let stream: ClientHttp2Stream;
  try {
    stream = session.request(headers, { endStream: false, waitForTrailers });
  } catch (error) {
    // The session began to close between the look at it and its use; anything else is a mistake of ours.
    if (session.closed || session.destroyed) throw connectionLost(error);
    throw error;
  }
  return watch(stream, method, scope);
}

function watch(stream: ClientHttp2Stream, method: Method, scope: CallScope): Exchange {
  const body = createBodyReader(stream);
  let failure: unknown;
  const answered = new Promise<ResponseHeaders>((resolve, reject) => {
    stream.once("response", resolve);
    stream.once("close", () => reject(connectionLost(failure)));
  });
  // Whoever waits for it hears of it; nobody has to.
  answered.catch(() => undefined);
  stream.on("error", (error) => {
    failure = error;
  });
  const close = (): void => {
    scope.signal.removeEventListener("abort", close);
    const complete = stream.readableEnded && stream.writableEnded;
    if (!complete && !stream.destroyed && !stream.closed) stream.close(NGHTTP2_CANCEL);
  };
  scope.signal.addEventListener("abort", close, { once: true });
  stream.once("close", () => scope.signal.removeEventListener("abort", close));
  if (scope.signal.aborted) close();
  return {
    stream,
    body,
    writer: createBodyWriter(stream),
    async response() {
      const headers = await answered;
      if (headers[":status"] !== 200) throw await readProblem(headers, body);
      if (headers["content-type"] !== responseTypes[method.kind])
        throw new DanubeError("protocol_violation", "The response has an unexpected content-type.");
      return headers;
    },
    explain: (error) => (scope.signal.aborted ? scope.signal.reason : error),
    close,
  };
}

/** Reads a JSON response. Throws `protocol_violation` when it is not what the method promises. */
export async function readResponse<S extends z.ZodType>(
  schema: S,
  headers: IncomingHttpHeaders,
  body: BodyReader,
): Promise<z.output<S>> {
  const bytes = await readAnnounced(body, headers["content-length"], maxResponseBytes, "protocol_violation");
  return parseJson(schema, bytes, "The response", "protocol_violation");
}

async function readProblem(headers: ResponseHeaders, body: BodyReader): Promise<DanubeError> {
  const status = headers[":status"] ?? 0;
  if (headers["content-type"] !== problemType) {
    // Not of our making: a proxy's words, perhaps.
    const code = status >= 502 && status <= 504 ? "unavailable" : "protocol_violation";
    return new DanubeError(code, `The server answered with status ${status}.`);
  }
  return fromProblem(await readResponse(Problem, headers, body));
}
