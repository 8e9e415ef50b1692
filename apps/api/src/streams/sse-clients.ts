// The connections of all streams: headers, heartbeats, and an end for those that do not read.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Cancel, Clock } from "@danube/kit";
import { encodeRetry, heartbeatFrame, type SseFrame } from "./sse-frame.ts";

/** One connection. What is written to it is never kept back: who writes stops while it is not `ready`. */
export interface SseClient {
  /** Whether the socket takes more now. When it does not, `onReady` is called once it does again. */
  readonly ready: boolean;
  readonly open: boolean;
  /** Writes one or several whole events. */
  write(frame: SseFrame): void;
  /** Closes after what was written. */
  end(): void;
  onReady: () => void;
  onClose: () => void;
}

export interface SseClients {
  /** Takes over an answer that has not begun, writes its head and begins with the heartbeats. */
  open(response: ServerResponse, headers?: Readonly<Record<string, string>>): SseClient;
  readonly size: number;
  /** Ends every connection; clients connect again elsewhere, or when this process is back. */
  closeAll(): void;
}

export interface SseClientsOptions {
  readonly clock: Clock;
  /** How long a connection may be silent before a comment is sent. */
  readonly heartbeatMs: number;
  /** How long a client may take nothing of what was written to it before it is cut off. */
  readonly stallMs: number;
  readonly onSizeChange?: (size: number) => void;
  /** Told of messages that were written, at most a tick later. */
  readonly onMessages?: (count: number) => void;
}

/** How long clients wait before they connect again. */
const retryFrame = encodeRetry(1_000);
const tickMs = 1_000;

export const sseHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-content-type-options": "nosniff",
  // nginx would otherwise collect events before it passes them on.
  "x-accel-buffering": "no",
} as const;

export function createSseClients(options: SseClientsOptions): SseClients {
  const { clock } = options;
  const connections = new Set<Connection>();
  let cancelTick: Cancel | undefined;

  const countMessages = (connection: Connection): void => {
    if (connection.messages > 0) options.onMessages?.(connection.messages);
    connection.messages = 0;
  };
  const tick = (): void => {
    const nowMs = clock.monotonicMs();
    for (const connection of connections) {
      connection.tick(nowMs, options);
      countMessages(connection);
    }
    cancelTick = connections.size > 0 ? clock.setTimeout(tick, tickMs) : undefined;
  };

  return {
    open(response, headers = {}) {
      response.writeHead(200, { ...sseHeaders, ...headers });
      const connection = new Connection(response, clock, () => {
        connections.delete(connection);
        countMessages(connection);
        options.onSizeChange?.(connections.size);
      });
      connections.add(connection);
      options.onSizeChange?.(connections.size);
      connection.write(retryFrame);
      cancelTick ??= clock.setTimeout(tick, tickMs);
      return connection;
    },
    get size() {
      return connections.size;
    },
    closeAll() {
      for (const connection of connections) connection.end();
      cancelTick?.();
      cancelTick = undefined;
    },
  };
}

/**
 * The head of the answer is Node's; after it, whole chunks go straight to the socket, which costs a third of what
 * `response.write` does with a thousand readers. Where the body is not chunked (HTTP/1.0), or the socket is not this answer's
 * yet (pipelining), Node writes it all.
 */
class Connection implements SseClient {
  ready = true;
  open = true;
  messages = 0;
  onReady: () => void = () => undefined;
  onClose: () => void = () => undefined;
  readonly #response: ServerResponse;
  readonly #socket: Socket | undefined;
  readonly #clock: Clock;
  #lastWriteMs: number;

  constructor(response: ServerResponse, clock: Clock, onClosed: () => void) {
    this.#response = response;
    this.#clock = clock;
    this.#lastWriteMs = clock.monotonicMs();
    response.flushHeaders();
    const { socket } = response;
    this.#socket = socket !== null && response.chunkedEncoding ? socket : undefined;
    const drained = this.#socket ?? response;
    const onDrain = (): void => {
      if (!this.open || response.writableEnded) return;
      this.ready = true;
      this.onReady();
    };
    drained.on("drain", onDrain);
    response.on("error", () => response.destroy());
    response.on("close", () => {
      // The connection may serve other requests after this one.
      drained.off("drain", onDrain);
      this.open = false;
      this.ready = false;
      onClosed();
      this.onClose();
    });
  }

  write(frame: SseFrame): void {
    if (!this.open || this.#response.writableEnded) return;
    this.#lastWriteMs = this.#clock.monotonicMs();
    this.ready = this.#socket === undefined ? this.#response.write(frame.plain) : this.#socket.write(frame.chunk);
    this.messages += 1;
  }

  end(): void {
    if (!this.open || this.#response.writableEnded) return;
    this.#response.end();
    // A client that takes nothing would keep the answer open for ever: its end has the same time as everything else.
    this.#lastWriteMs = this.#clock.monotonicMs();
    this.ready = false;
  }

  tick(nowMs: number, { heartbeatMs, stallMs }: SseClientsOptions): void {
    const silentMs = nowMs - this.#lastWriteMs;
    if (!this.ready && silentMs >= stallMs) this.#response.destroy();
    else if (this.ready && silentMs >= heartbeatMs) this.write(heartbeatFrame);
  }
}
