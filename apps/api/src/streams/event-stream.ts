// The stream of all jobs' status changes, for lists that stay fresh.
import type { Change } from "@danube/protocol";
import type { ChangeFeed } from "./change-feed.ts";
import type { SseClient } from "./sse-clients.ts";
import { encodeEvent, type SseFrame } from "./sse-frame.ts";

const resetFrame = encodeEvent({ event: "reset", data: {} });

/**
 * Tells every client of each change of a job. A client that can't keep up is told nothing until it can, and then `reset`:
 * it has to look up what it shows. The same is its first event, and follows every gap in the writer's changes.
 */
export class EventStream {
  readonly #clients = new Set<SseClient>();
  readonly #behind = new Set<SseClient>();

  constructor(feed: ChangeFeed) {
    feed.subscribe((change) => this.#apply(change));
  }

  add(client: SseClient): void {
    this.#clients.add(client);
    client.onClose = () => {
      this.#clients.delete(client);
      this.#behind.delete(client);
    };
    client.onReady = () => {
      if (this.#behind.delete(client)) client.write(resetFrame);
    };
    this.#send(client, resetFrame);
  }

  #apply(change: Change): void {
    const frame = this.#clients.size === 0 ? undefined : encodeChange(change);
    if (frame !== undefined) for (const client of this.#clients) this.#send(client, frame);
  }

  #send(client: SseClient, frame: SseFrame): void {
    if (client.ready) client.write(frame);
    else this.#behind.add(client);
  }
}

function encodeChange(change: Change): SseFrame | undefined {
  switch (change.type) {
    case "reset":
      return resetFrame;
    case "job":
      return encodeEvent({ event: "job", data: change.job });
    case "configuration":
      return encodeEvent({ event: "configuration", data: { commitSha: change.commitSha } });
    default:
      return undefined;
  }
}
