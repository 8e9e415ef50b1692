import { createTestClock } from "@danube/kit";
import type { Change } from "@danube/protocol";
import { describe, expect, test } from "vitest";
import { createChangeFeed } from "./change-feed.ts";

const log = (jobId: string, sizeBytes: number, closed = false): Change => ({ type: "log", jobId, sizeBytes, closed });
const configuration = (commitSha: string): Change => ({ type: "configuration", commitSha });

function open(options: { maxQueued?: number } = {}) {
  const clock = createTestClock();
  const feed = createChangeFeed({ clock, ...options });
  const abort = new AbortController();
  const changes = feed.watch(abort.signal)[Symbol.asyncIterator]();
  const next = async () => (await changes.next()).value as Change | undefined;
  return { clock, feed, abort, next };
}

describe("createChangeFeed", () => {
  test("begins with reset and goes on in order", async () => {
    const { feed, next } = open();
    expect(await next()).toEqual({ type: "reset" });
    feed.publish([configuration("a"), configuration("b")]);
    feed.publish([configuration("c")]);
    expect([await next(), await next(), await next()]).toEqual(["a", "b", "c"].map(configuration));
  });

  test("a watcher that waits is woken", async () => {
    const { feed, next } = open();
    await next();
    const waiting = next();
    feed.publish([configuration("a")]);
    expect(await waiting).toEqual(configuration("a"));
  });

  test("a log that grows fast is told once, with its newest size; its end is told last", async () => {
    const { feed, next } = open();
    await next();
    feed.publish([log("x", 1), configuration("a"), log("x", 2), log("y", 9), log("x", 3), log("x", 4, true)]);
    expect([await next(), await next(), await next(), await next()]).toEqual([
      log("x", 3),
      configuration("a"),
      log("y", 9),
      log("x", 4, true),
    ]);
  });

  test("a slow watcher gets reset, and after it only what came later", async () => {
    const { feed, next } = open({ maxQueued: 3 });
    await next();
    feed.publish(["a", "b", "c", "d", "e"].map(configuration));
    expect(await next()).toEqual({ type: "reset" });
    feed.publish([configuration("f")]);
    expect(await next()).toEqual(configuration("f"));
  });

  test("a quiet feed has a heartbeat every 15 s", async () => {
    const { clock, next } = open();
    await next();
    const waiting = next();
    await clock.advance(14_999);
    await clock.advance(1);
    expect(await waiting).toEqual({ type: "heartbeat" });
    const again = next();
    await clock.advance(15_000);
    expect(await again).toEqual({ type: "heartbeat" });
  });

  test("ends with its signal or with the feed, and leaves nothing behind", async () => {
    const first = open();
    await first.next();
    const waiting = first.next();
    expect(first.feed.watchers()).toBe(1);
    first.abort.abort();
    expect(await waiting).toBeUndefined();
    expect(first.feed.watchers()).toBe(0);
    expect(first.clock.timers()).toBe(0);

    const second = open();
    await second.next();
    const last = second.next();
    second.feed.close();
    expect(await last).toBeUndefined();
    expect(second.clock.timers()).toBe(0);
  });
});
