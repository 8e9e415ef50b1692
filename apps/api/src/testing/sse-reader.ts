// A strict reader of server-sent events over a plain socket, for tests.
import { type IncomingMessage, request } from "node:http";

export interface ReceivedEvent {
  readonly event: string;
  readonly id?: number;
  readonly data: unknown;
}

export interface SseReader {
  readonly response: IncomingMessage;
  readonly events: ReceivedEvent[];
  /** Every comment that came. */
  readonly comments: string[];
  /** The text of all `log` events put together. */
  text(): string;
  /** How long that text is. */
  readonly textLength: number;
  /** Resolves once `done` holds; rejects when the stream ends before. */
  until(done: (reader: SseReader) => boolean): Promise<void>;
  /** Resolves when the server ended the stream or the connection was cut. */
  readonly ended: Promise<void>;
  /** Stops or goes on reading from the socket. */
  pause(): void;
  resume(): void;
  close(): void;
}

export async function readSse(url: string, headers: Record<string, string>): Promise<SseReader> {
  const sent = request(url, { headers: { accept: "text/event-stream", ...headers }, agent: false });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on("response", resolve).on("error", reject).end();
  });
  const events: ReceivedEvent[] = [];
  const comments: string[] = [];
  let waiting: (() => void)[] = [];
  let isOver = false;
  let rest = "";
  let textLength = 0;
  const wake = (): void => {
    for (const check of waiting.splice(0)) check();
  };
  response.setEncoding("utf8");
  response.on("data", (chunk: string) => {
    rest += chunk;
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = takeBlock(block, comments);
      if (event === undefined) continue;
      events.push(event);
      if (event.event === "log") textLength += (event.data as { text: string }).text.length;
    }
    wake();
  });
  const ended = new Promise<void>((resolve) => {
    response.on("close", () => {
      isOver = true;
      resolve();
      wake();
    });
  });
  response.on("error", () => undefined);
  const reader: SseReader = {
    response,
    events,
    comments,
    ended,
    get textLength() {
      return textLength;
    },
    text: () =>
      events
        .filter(({ event }) => event === "log")
        .map(({ data }) => (data as { text: string }).text)
        .join(""),
    until: (done) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (done(reader)) resolve();
          else if (isOver) reject(new Error(`The stream ended after ${JSON.stringify(events.slice(-3))}`));
          else waiting.push(check);
        };
        check();
      }),
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    close: () => sent.destroy(),
  };
  return reader;
}

function takeBlock(block: string, comments: string[]): ReceivedEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
    if (name === "") comments.push(value);
    else if (fields.has(name)) throw new Error(`Twice ${name} in one event: ${block}`);
    else fields.set(name, value);
  }
  const data = fields.get("data");
  if (data === undefined) return undefined;
  const id = fields.get("id");
  const parsed: unknown = JSON.parse(data);
  return { event: fields.get("event") ?? "", ...(id === undefined ? {} : { id: Number(id) }), data: parsed };
}
