// Broken connections: nothing may be lost, repeated, or taken for complete when it is not. Long because each kind of call
// meets the same faults, from one table of them.
import { afterEach, describe, expect, it } from "vitest";
import type { RpcClient } from "./client-methods.ts";
import { createTcpProxy, type TcpProxy } from "./testing/tcp-proxy.ts";
import {
  collect,
  createTestClient,
  patternBytes,
  sha256,
  slicesOf,
  startTestServer,
  type TestHandlers,
  type TestMethods,
  type TestServer,
  untilAborted,
} from "./testing/test-service.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const quickPings = { pingIntervalMs: 20, pingTimeoutMs: 250 };

async function start(
  handlers: Partial<TestHandlers> = {},
  options: { pingIntervalMs?: number; pingTimeoutMs?: number } = {},
): Promise<{ server: TestServer; proxy: TcpProxy; client: RpcClient<TestMethods> }> {
  const server = await startTestServer(handlers, options);
  const proxy = await createTcpProxy({ target: { host: "127.0.0.1", port: server.port } });
  const client = createTestClient(`http://127.0.0.1:${proxy.address.port}`, options);
  cleanups.push(
    () => server.close(),
    () => proxy.close(),
    () => client.close(),
  );
  return { server, proxy, client };
}

/** Positions from the first byte on, ever farther apart. */
const positions = [1, 9, 24, 60, 130, 300, 1_000, 20_000, 300_000, 900_000];
const cuts = (["rst", "fin"] as const).flatMap((how) =>
  (["fromClients", "fromTarget"] as const).flatMap((direction) =>
    positions.map((position) => ({ how, direction, position })),
  ),
);

describe("a cut connection", () => {
  it("is invisible to unary calls, wherever it is cut", async () => {
    const { proxy, client } = await start();
    const value = patternBytes(200_000).toString("hex");
    for (const { how, direction, position } of cuts) {
      proxy.cutAfter(position, direction, how);
      expect((await client.echo({ value })).value === value).toBe(true);
    }
    expect(proxy.accepted()).toBeGreaterThan(20);
  });

  it("is invisible to uploads, and only whole ones reach the end of the handler", async () => {
    const bytes = patternBytes(600_000);
    const expected = sha256(bytes);
    const stored: string[] = [];
    const { proxy, client } = await start({
      async store({ name }, body) {
        const received = Buffer.concat(await collect(body));
        stored.push(sha256(received));
        return { name, sizeBytes: received.length, sha256: sha256(received) };
      },
    });
    for (const { how, direction, position } of cuts) {
      proxy.cutAfter(position, direction, how);
      expect((await client.store({ name: "a" }, () => slicesOf(bytes, 50_000))).sha256).toBe(expected);
    }
    expect(new Set(stored)).toEqual(new Set([expected]));
    expect(stored.length).toBeGreaterThanOrEqual(cuts.length);
  });

  it("makes a download fail, never end early", async () => {
    const { proxy, client } = await start();
    let broken = 0;
    for (const { how, direction, position } of cuts) {
      proxy.cutAfter(position, direction, how);
      const { response, body } = await client.fetch({ sizeBytes: 600_000 });
      try {
        const bytes = Buffer.concat(await collect(body));
        expect(sha256(bytes)).toBe(response.sha256);
      } catch (error) {
        expect(error).toMatchObject({ code: "connection_lost" });
        broken += 1;
      }
    }
    expect(broken).toBeGreaterThan(3);
  });

  it("makes a stream fail, never end early", async () => {
    const { proxy, client } = await start();
    let broken = 0;
    for (const { how, direction, position } of cuts) {
      proxy.cutAfter(position, direction, how);
      try {
        expect(await collect(client.count({ from: 0, to: 4_000 }))).toHaveLength(4_000);
      } catch (error) {
        expect(error).toMatchObject({ code: "connection_lost" });
        broken += 1;
      }
    }
    expect(broken).toBeGreaterThan(10);
  });

  it("makes a duplex call fail on both sides, with every frame before it intact", async () => {
    const ends: string[] = [];
    const { proxy, client } = await start({
      async *pipe(_request, frames) {
        let end = "broken";
        try {
          for await (const { frame, payload = Buffer.alloc(0) } of frames)
            yield { sequence: frame.sequence, sha256: sha256(payload), sizeBytes: payload.length };
          end = "ended";
        } finally {
          ends.push(end);
        }
      },
    });
    const payload = patternBytes(100_000);
    const expected = sha256(payload);
    let complete = 0;
    for (const { how, direction, position } of cuts) {
      proxy.cutAfter(position, direction, how);
      const call = client.pipe({ greeting: "" });
      const sending = (async () => {
        for (let sequence = 0; sequence < 8; sequence += 1)
          await call.send({ sequence, length: payload.length }, payload);
        call.end();
      })();
      sending.catch(() => undefined);
      let answers = 0;
      try {
        for await (const answer of call) {
          expect(answer).toEqual({ sequence: answers, sha256: expected, sizeBytes: payload.length });
          answers += 1;
        }
        expect(answers).toBe(8);
        complete += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: "connection_lost" });
      }
    }
    expect(complete).toBeLessThan(cuts.length);
    expect(ends.filter((end) => end === "ended").length).toBeGreaterThanOrEqual(complete);
  });

  it("aborts the signals of handlers, and the calls of a stream that waits", async () => {
    const begun = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const { proxy, client } = await start({
      async *count(_request, { signal }) {
        begun.resolve();
        signal.addEventListener("abort", () => aborted.resolve());
        yield await untilAborted(signal);
      },
    });
    const reading = collect(client.count({ from: 0, to: 1 }));
    reading.catch(() => undefined);
    await begun.promise;
    proxy.cut("fin");
    await expect(reading).rejects.toMatchObject({ code: "connection_lost" });
    await aborted.promise;
  });
});

describe("a half-open connection", () => {
  it("is found out by both sides though nobody says a word", async () => {
    const begun = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const { proxy, client } = await start(
      {
        async *count(_request, { signal }) {
          signal.addEventListener("abort", () => aborted.resolve());
          yield { n: 0 };
          begun.resolve();
          yield await untilAborted(signal);
        },
      },
      quickPings,
    );
    const reading = collect(client.count({ from: 0, to: 1 }));
    reading.catch(() => undefined);
    await begun.promise;
    proxy.blackHole();
    await expect(reading).rejects.toMatchObject({ code: "connection_lost" });
    await aborted.promise;
  });

  it("is survived by a unary call once the network is back", async () => {
    const { proxy, client } = await start({}, quickPings);
    expect((await client.echo({ value: "before" })).value).toBe("before");
    proxy.blackHole();
    const call = client.echo({ value: "after" });
    await expect(client.echo({ value: "x" }, { deadlineMs: 200 })).rejects.toMatchObject({
      code: expect.stringMatching(/deadline_exceeded|connection_lost/),
    });
    proxy.restore();
    expect((await call).value).toBe("after");
  });

  it("does not break a quiet connection that is alive", async () => {
    const silence = Promise.withResolvers<void>();
    const { proxy, client } = await start(
      {
        async *count() {
          yield { n: 0 };
          await silence.promise;
          yield { n: 1 };
        },
      },
      { pingIntervalMs: 5, pingTimeoutMs: 5_000 },
    );
    const events = client.count({ from: 0, to: 1 })[Symbol.asyncIterator]();
    await events.next();
    const before = proxy.bytes().fromClients;
    // Twenty pings of 17 bytes, so that the silence has lasted many intervals.
    while (proxy.bytes().fromClients < before + 20 * 17) await client.echo({ value: "" });
    silence.resolve();
    expect((await events.next()).value).toEqual({ n: 1 });
    expect((await events.next()).done).toBe(true);
    expect(proxy.accepted()).toBe(1);
  });

  it("does not take a slow connection for a dead one while bytes arrive", async () => {
    const { proxy, client } = await start({}, { pingIntervalMs: 10, pingTimeoutMs: 2_000 });
    proxy.delay(30);
    const bytes = patternBytes(2_000_000);
    expect((await client.store({ name: "a" }, bytes)).sha256).toBe(sha256(bytes));
    expect(proxy.accepted()).toBe(1);
  });
});

describe("a server that goes away", () => {
  it("is waited for by calls, and found again on the same port", async () => {
    const first = await startTestServer();
    const client = createTestClient(first.url);
    cleanups.push(() => client.close());
    await client.echo({ value: "a" });
    await first.close();
    const waiting = Promise.all(["b", "c", "d"].map((value) => client.echo({ value })));
    const second = await startTestServer({}, { port: first.port });
    cleanups.push(() => second.close());
    expect((await waiting).map(({ value }) => value)).toEqual(["b", "c", "d"]);
  });

  it("loses no call while it is restarted again and again under load", async () => {
    let server = await startTestServer();
    const client = createTestClient(server.url);
    cleanups.push(
      () => server.close(),
      () => client.close(),
    );
    const load = { stop: false, answered: 0 };
    const callers = Array.from({ length: 8 }, async (_, caller) => {
      for (let n = 0; !load.stop; n += 1) {
        const value = `${caller}-${n}`;
        expect((await client.echo({ value })).value).toBe(value);
        load.answered += 1;
      }
    });
    for (const graceMs of [0, 1_000, 0, 1_000, 0]) {
      const target = load.answered + 50;
      while (load.answered < target) await client.echo({ value: "" });
      await server.close(graceMs);
      server = await startTestServer({}, { port: server.port });
    }
    load.stop = true;
    await Promise.all(callers);
  });

  it("lets open calls end within the grace, and takes no new ones", async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const server = await startTestServer({
      echo: async ({ value }) => {
        begun.resolve();
        await go.promise;
        return { value };
      },
    });
    const client = createTestClient(server.url);
    cleanups.push(() => client.close());
    const open = client.echo({ value: "in time" });
    await begun.promise;
    const closed = server.close(10_000);
    await expect(client.echo({ value: "too late" }, { deadlineMs: 100 })).rejects.toMatchObject({
      code: "connection_lost",
    });
    go.resolve();
    expect((await open).value).toBe("in time");
    await closed;
  });

  it("cuts calls off after the grace and waits for their handlers", async () => {
    const begun = Promise.withResolvers<void>();
    let cleanedUp = false;
    const server = await startTestServer({
      async *count(_request, { signal }) {
        begun.resolve();
        try {
          yield await untilAborted(signal);
        } finally {
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
          cleanedUp = true;
        }
      },
    });
    const client = createTestClient(server.url);
    cleanups.push(() => client.close());
    const reading = collect(client.count({ from: 0, to: 0 }));
    reading.catch(() => undefined);
    await begun.promise;
    await server.close(20);
    expect(cleanedUp).toBe(true);
    await expect(reading).rejects.toMatchObject({ code: "connection_lost" });
  });

  it("gives an error that says where it was, when it never comes back", async () => {
    const server = await startTestServer();
    await server.close();
    const client = createTestClient(server.url);
    cleanups.push(() => client.close());
    await expect(client.echo({ value: "" }, { deadlineMs: 100 })).rejects.toThrow(`127.0.0.1:${server.port}`);
  });
});
