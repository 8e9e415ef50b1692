import { describe, expect, it } from "vitest";
import { type FollowLogOptions, followLog, type LogChunk } from "./log-follower.ts";
import { openLogReader } from "./log-reader.ts";
import { openLogWriter } from "./log-writer.ts";
import { makeLogDirectory, newJobId } from "./testing/log-directory.ts";

async function openBoth() {
  const { directory } = makeLogDirectory();
  const jobId = newJobId();
  const sizes: ((size: number) => void)[] = [];
  const writer = await openLogWriter({ directory, jobId, onGrowth: (size) => sizes.forEach((tell) => tell(size)) });
  const source = writer.source("step:a");
  const reader = openLogReader({ directory, jobId });
  const write = (text: string): Promise<void> => source.append(source.received, Buffer.from(text));
  const follow = (options: Partial<FollowLogOptions> = {}) => {
    const follower = followLog({ reader, from: 0, ...options });
    sizes.push((sizeBytes) => follower.notify({ sizeBytes }));
    return follower;
  };
  const close = async (): Promise<void> => {
    await writer.close();
    await reader.close();
  };
  return { write, follow, close, reader };
}

async function collect(follower: AsyncIterable<LogChunk>): Promise<string[]> {
  const texts: string[] = [];
  let expected: number | undefined;
  for await (const { offset, nextOffset, bytes } of follower) {
    expect(offset).toBe(expected ?? offset);
    expect(nextOffset).toBe(offset + bytes.length);
    expected = nextOffset;
    texts.push(bytes.toString());
  }
  return texts;
}

describe("followLog", () => {
  it("yields what is there and what comes, from its offset to the end", async () => {
    const { write, follow, close } = await openBoth();
    await write("before ");
    const follower = follow({ from: 3 });
    const all = collect(follower);
    await write("then ");
    await write("last");
    follower.notify({ closed: true });
    expect((await all).join("")).toBe("ore then last");
    await close();
  });

  it("looks the size up when it is only told to wake up", async () => {
    const { write, close, reader } = await openBoth();
    const follower = followLog({ reader, from: 0 });
    const chunks = follower[Symbol.asyncIterator]();
    const first = chunks.next();
    await write("hello");
    follower.notify();
    expect((await first).value?.bytes.toString()).toBe("hello");
    const second = chunks.next();
    follower.notify({ closed: true });
    expect((await second).done).toBe(true);
    await close();
  });

  it("does not sleep through what is written while it looks the size up", async () => {
    const { write, close, reader } = await openBoth();
    const follower = followLog({
      reader: {
        readChunk: (start, maxBytes) => reader.readChunk(start, maxBytes),
        async size() {
          const sizeBytes = await reader.size();
          await write("late");
          follower.notify({ sizeBytes: 4, closed: true });
          return sizeBytes;
        },
      },
      from: 0,
    });
    expect(await collect(follower)).toEqual(["late"]);
    await close();
  });

  it("keeps chunks bounded, and shares reads between followers", async () => {
    const { write, follow, close } = await openBoth();
    await write("0123456789");
    const one = follow({ chunkBytes: 4 });
    const other = follow({ chunkBytes: 4 });
    one.notify({ sizeBytes: 10, closed: true });
    other.notify({ sizeBytes: 10, closed: true });
    expect(await Promise.all([collect(one), collect(other)])).toEqual([
      ["0123", "4567", "89"],
      ["0123", "4567", "89"],
    ]);
    await close();
  });

  it("ends when its signal aborts, while waiting too", async () => {
    const { write, follow, close } = await openBoth();
    const stop = new AbortController();
    const chunks = follow({ signal: stop.signal })[Symbol.asyncIterator]();
    await write("x");
    await chunks.next();
    const waiting = chunks.next();
    stop.abort();
    expect((await waiting).done).toBe(true);
    expect(await collect(follow({ signal: stop.signal }))).toEqual([]);
    await close();
  });

  it("ends at once when it begins at or beyond the end of a closed log", async () => {
    const { write, follow, close } = await openBoth();
    await write("short");
    for (const from of [5, 99]) {
      const follower = follow({ from });
      follower.notify({ closed: true });
      expect(await collect(follower)).toEqual([]);
    }
    await close();
  });
});
