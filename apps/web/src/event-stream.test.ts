import { describe, expect, test } from "vitest";
import { openEventStream, type StreamState } from "./event-stream.ts";

/** The browser's EventSource, driven by the test. */
class PlayedSource extends EventTarget {
  static all: PlayedSource[] = [];
  readyState = 0;
  readonly url: string;
  constructor(url: string) {
    super();
    this.url = url;
    PlayedSource.all.push(this);
  }
  close(): void {
    this.readyState = 2;
  }
  send(event: string, data: unknown, lastEventId = ""): void {
    this.dispatchEvent(Object.assign(new Event(event), { data: JSON.stringify(data), lastEventId }));
  }
}

function open() {
  PlayedSource.all = [];
  const seen: unknown[] = [];
  const states: StreamState[] = [];
  const timers: (() => void)[] = [];
  const close = openEventStream({
    url: (lastId) => `/stream${lastId === undefined ? "" : `?from=${lastId}`}`,
    events: ["log", "end"],
    lastEvent: "end",
    onEvent: (event, data, id) => void seen.push([event, data, id]),
    onState: (state) => void states.push(state),
    EventSource: PlayedSource as unknown as typeof EventSource,
    setTimeout: (run) => timers.push(run),
  });
  return { seen, states, timers, close, newest: () => PlayedSource.all.at(-1) as PlayedSource };
}

describe("openEventStream", () => {
  test("hands over events until the last one, and closes then", () => {
    const { seen, states, newest } = open();
    newest().dispatchEvent(new Event("open"));
    newest().send("log", { text: "a" }, "1");
    newest().send("end", {}, "1");
    newest().send("log", { text: "late" }, "2");
    expect(seen).toEqual([
      ["log", { text: "a" }, "1"],
      ["end", {}, "1"],
    ]);
    expect(states).toEqual(["connecting", "live", "ended"]);
    expect(newest().readyState).toBe(2);
  });

  test("leaves a cut connection to the browser, and opens a refused one again where it was", () => {
    const { timers, states, newest } = open();
    newest().send("log", { text: "a" }, "7");
    newest().dispatchEvent(new Event("error"));
    expect([timers.length, PlayedSource.all.length]).toEqual([0, 1]);
    newest().readyState = 2;
    newest().dispatchEvent(new Event("error"));
    expect(timers).toHaveLength(1);
    timers[0]?.();
    expect(PlayedSource.all.map(({ url }) => url)).toEqual(["/stream", "/stream?from=7"]);
    expect(states.at(-1)).toBe("connecting");
  });

  test("does nothing any more once it was closed", () => {
    const { timers, seen, close, newest } = open();
    newest().readyState = 2;
    newest().dispatchEvent(new Event("error"));
    close();
    timers[0]?.();
    newest().send("log", {}, "1");
    expect([PlayedSource.all.length, seen]).toEqual([1, []]);
  });
});
