// Names and limits of the wire format that packages/protocol/src/method.ts describes.
import { constants } from "node:http2";
import type { Method } from "@danube/protocol";

export const problemType = "application/problem+json";
const json = "application/json";
const lines = "application/x-ndjson";
const bytes = "application/octet-stream";

/** The `content-type` of a request, by the method's kind. */
export const requestTypes: Readonly<Record<Method["kind"], string>> = {
  unary: json,
  stream: json,
  upload: bytes,
  download: json,
  duplex: "application/vnd.danube.frames",
};

/** The `content-type` of a good response. */
export const responseTypes: Readonly<Record<Method["kind"], string>> = {
  unary: json,
  stream: lines,
  upload: json,
  download: bytes,
  duplex: lines,
};

export const headerNames = {
  request: "danube-request",
  response: "danube-response",
  deadline: "danube-deadline-ms",
  end: "danube-end",
  problem: "danube-problem",
} as const;

/** The most bytes that may follow one frame. */
export const maxPayloadBytes = 1_048_576;

/** The most bytes of one JSON value, unless a server is told otherwise. */
export const defaultMaxRequestBytes = 4 * 1_048_576;

/** The most bytes of one JSON value that a client accepts of its server. */
export const maxResponseBytes = 64 * 1_048_576;

/** The most characters of a JSON value in a header: Node and proxies refuse much more than this. */
export const maxHeaderJsonCharacters = 16_384;

/**
 * Both sides' HTTP/2 settings. The stream window is what one stream may have in flight, and so what a stalled reader
 * costs; Node gives the connection's window back by itself, so only the streams' windows hold a sender back.
 */
export const sessionOptions = {
  settings: { initialWindowSize: 1_048_576, maxFrameSize: 262_144, enablePush: false, maxConcurrentStreams: 1_000 },
  /** In MB. Node's 10 MB would refuse new streams while a few others are busy. */
  maxSessionMemory: 1_000,
} as const;

/** For `setLocalWindowSize`, once a session is connected: it must not be the streams' bottleneck. */
export const sessionWindowBytes = 16 * 1_048_576;

export const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR } = constants;
