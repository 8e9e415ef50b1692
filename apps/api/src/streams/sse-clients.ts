// The connections of all streams: headers, heartbeats, and an end for those that do not read.
import type { ServerResponse } from "node:http";
import type { Cancel, Clock } from "@danube/kit";
import { encodeRetry, heartbeatFrame } from "./sse-frame.ts";

/** One connection. What is written to it is never kept back: who writes stops while it is not `ready`. */
export interface SseClient {
  /** Whether the socket takes more now. When it does not, `onReady` is called once it does again. */
  readonly ready: boolean;
  readonly open: boolean;
  /** Writes one or several whole events. */
  write(frame: Uint8Array): void;
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
  readonly onMessage?: () => void;
}

/** How long clients wait before they connect again. */
const retryMs = 1_000;
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

  const tick = (): void => {
    const nowMs = clock.monotonicMs();
    for (const connection of connections) connection.tick(nowMs, options);
    cancelTick = connections.size > 0 ? clock.setTimeout(tick, tickMs) : undefined;
  };

  return {
    open(response, headers = {}) {
      response.writeHead(200, { ...sseHeaders, ...headers });
      const connection = new Connection(response, clock, options.onMessage ?? (() => undefined));
      connections.add(connection);
      options.onSizeChange?.(connections.size);
      connection.whenClosed(() => {
        connections.delete(connection);
        options.onSizeChange?.(connections.size);
      });
      connection.write(encodeRetry(retryMs));
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

class Connection implements SseClient {
  ready = true;
  open = true;
  onReady: () => void = () => undefined;
  onClose: () => void = () => undefined;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #onMessage: () => void;
  #lastWriteMs: number;
  #closedListener: () => void = () => undefined;

  constructor(response: ServerResponse, clock: Clock, onMessage: () => void) {
    this.#response = response;
    this.#clock = clock;
    this.#onMessage = onMessage;
    this.#lastWriteMs = clock.monotonicMs();
    response.on("drain", () => {
      if (!this.open || response.writableEnded) return;
      this.ready = true;
      this.onReady();
    });
    response.on("error", () => this.#closed());
    response.on("close", () => this.#closed());
  }

  whenClosed(listener: () => void): void {
    this.#closedListener = listener;
  }

  write(frame: Uint8Array): void {
    if (!this.open || this.#response.writableEnded) return;
    this.#lastWriteMs = this.#clock.monotonicMs();
    this.ready = this.#response.write(frame);
    this.#onMessage();
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

  #closed(): void {
    if (!this.open) return;
    this.open = false;
    this.ready = false;
    this.#closedListener();
    this.onClose();
  }
}
