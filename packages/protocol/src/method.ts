// How a remote call is described. A table of methods is the contract of one listener: the client and the server of
// package rpc are both made from it, and nothing else says what travels.
//
// Wire format, over HTTP/2 with prior knowledge, `POST <path>`, `authorization: Bearer <token>`:
//   unary      request: one JSON value. Response: one JSON value.
//   stream     request: one JSON value. Response: JSON lines, one event each, until the server ends it.
//   upload     request: header `danube-request` with the JSON value in base64url; the body is bytes. Response: one JSON value.
//   download   request: one JSON value. Response: header `danube-response` likewise; the body is bytes.
//   duplex     request: JSON lines, the first one the request, then frames; a frame with `length` n > 0 is followed by n raw
//              bytes, 1 MiB at most. Response: JSON lines, one frame each, while the request goes on.
// Content types: one JSON value `application/json`, JSON lines `application/x-ndjson`, bytes `application/octet-stream`, a
// duplex request `application/vnd.danube.frames`. Header `danube-deadline-ms` says how long the caller will wait.
//
// Whole or cut off: HTTP/2 libraries may report a stream that was reset as one that ended, so an end alone proves nothing.
//   - A body of one JSON value has a `content-length`, and exactly that many bytes.
//   - Every other body, of a request too, closes with the trailer `danube-end: 1`. Without it, it was cut off.
// A failure before the response began is an HTTP status with a problem+json body. A failure after that is the trailer
// `danube-problem` with the problem in base64url JSON instead of `danube-end`.
import type { z } from "zod";

interface MethodBase {
  readonly path: `/${string}`;
  readonly request: z.ZodType;
}
export interface UnaryMethod extends MethodBase {
  readonly kind: "unary";
  readonly response: z.ZodType;
  /** How long a call may take, over all its tries. */
  readonly deadlineMs: number;
}
export interface StreamMethod extends MethodBase {
  readonly kind: "stream";
  readonly event: z.ZodType;
}
export interface UploadMethod extends MethodBase {
  readonly kind: "upload";
  readonly response: z.ZodType;
  readonly deadlineMs: number;
}
export interface DownloadMethod extends MethodBase {
  readonly kind: "download";
  readonly response: z.ZodType;
  readonly deadlineMs: number;
}
export interface DuplexMethod extends MethodBase {
  readonly kind: "duplex";
  readonly clientFrame: z.ZodType;
  readonly serverFrame: z.ZodType;
}
/**
 * Every method may be called again with the same request: what it changes is named by an id in the request (a step's, an
 * artifact's, a delivery's), and the second call finds it done. So a client may retry any call whose answer it lost.
 */
export type Method = UnaryMethod | StreamMethod | UploadMethod | DownloadMethod | DuplexMethod;
export type MethodTable = Readonly<Record<string, Method>>;

export type MethodsOfKind<T extends MethodTable, K extends Method["kind"]> = {
  [N in keyof T]: T[N]["kind"] extends K ? N : never;
}[keyof T];
