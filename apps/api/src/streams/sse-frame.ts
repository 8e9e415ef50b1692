// Server-sent events as bytes. Source: html.spec.whatwg.org, "Server-sent events".

export interface SseEvent {
  readonly event: string;
  /** Becomes the client's `Last-Event-ID`. */
  readonly id?: number;
  /** Sent as JSON, which has no line breaks. */
  readonly data: unknown;
}

/** One event, ready to be written to any number of clients. */
export function encodeEvent({ event, id, data }: SseEvent): Buffer {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return Buffer.from(`event: ${event}\n${idLine}data: ${JSON.stringify(data)}\n\n`);
}

/** Tells the client how long to wait before it connects again. */
export function encodeRetry(ms: number): Buffer {
  return Buffer.from(`retry: ${ms}\n\n`);
}

/** A comment: keeps proxies from closing a silent connection. */
export const heartbeatFrame = Buffer.from(": heartbeat\n\n");
