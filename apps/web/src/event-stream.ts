// A stream of server-sent events that is opened again for as long as it takes.

export type StreamState = "connecting" | "live" | "ended";

export interface EventStreamOptions {
  /** The address to connect to, given the id of the last event that came. */
  readonly url: (lastId: string | undefined) => string;
  readonly events: readonly string[];
  /** `id` is that of the newest event that had one. */
  readonly onEvent: (event: string, data: unknown, id: string | undefined) => void;
  readonly onState: (state: StreamState) => void;
  /** The event after which nothing follows. */
  readonly lastEvent?: string;
  /** The browser's, unless a test plays it. */
  readonly EventSource?: typeof EventSource;
  readonly setTimeout?: (run: () => void, ms: number) => unknown;
}

const retryMs = 2_000;

/** Opens the stream. Returns a function that closes it for good. */
export function openEventStream(options: EventStreamOptions): () => void {
  const Source = options.EventSource ?? EventSource;
  const later = options.setTimeout ?? setTimeout;
  let source: EventSource | undefined;
  let lastId: string | undefined;
  let closed = false;

  const connect = (): void => {
    if (closed) return;
    options.onState("connecting");
    const current = new Source(options.url(lastId));
    source = current;
    current.addEventListener("open", () => options.onState("live"));
    current.addEventListener("error", () => {
      if (closed) return;
      options.onState("connecting");
      // The browser connects again by itself after a cut, but not after an answer that was an error.
      if (current.readyState === 2) {
        current.close();
        later(connect, retryMs);
      }
    });
    for (const name of options.events) {
      current.addEventListener(name, (message: MessageEvent<string>) => {
        if (closed) return;
        if (message.lastEventId !== "") lastId = message.lastEventId;
        options.onEvent(name, JSON.parse(message.data), lastId);
        if (name === options.lastEvent) {
          close();
          options.onState("ended");
        }
      });
    }
  };
  const close = (): void => {
    closed = true;
    source?.close();
  };
  connect();
  return close;
}
