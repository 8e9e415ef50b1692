// Server-sent events as bytes. Source: html.spec.whatwg.org, "Server-sent events".

export interface SseEvent {
  readonly event: string;
  /** Becomes the client's `Last-Event-ID`. */
  readonly id?: number;
  /** Sent as JSON, which has no line breaks. */
  readonly data: unknown;
}

/**
 * Whole events, ready to be written to any number of clients: as they are, and as one chunk of a chunked body (RFC 9112,
 * section 7.1), so that a write to a thousand sockets encodes nothing. Both are the same memory.
 */
export interface SseFrame {
  readonly plain: Uint8Array;
  readonly chunk: Uint8Array;
}

/** One event. */
export function encodeEvent({ event, id, data }: SseEvent): SseFrame {
  const idLine = id === undefined ? "" : `id: ${id}\n`;
  return encode(`event: ${event}\n${idLine}data: ${JSON.stringify(data)}\n\n`);
}

/** Tells the client how long to wait before it connects again. */
export function encodeRetry(ms: number): SseFrame {
  return encode(`retry: ${ms}\n\n`);
}

function encode(text: string): SseFrame {
  const length = Buffer.byteLength(text);
  const head = `${length.toString(16)}\r\n`;
  const chunk = Buffer.allocUnsafeSlow(head.length + length + 2);
  chunk.write(head, 0, "latin1");
  chunk.write(text, head.length, "utf8");
  chunk.write("\r\n", head.length + length, "latin1");
  return { plain: chunk.subarray(head.length, head.length + length), chunk };
}

/** A comment: keeps proxies from closing a silent connection. */
export const heartbeatFrame = encode(": heartbeat\n\n");
