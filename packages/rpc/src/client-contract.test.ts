// What a client promises, over the wire and in process alike. One long list on purpose: both are held to the same.
import { silentLogger } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import { afterEach, describe, expect, it } from "vitest";
import type { RpcClient } from "./client-methods.ts";
import { createLocalClient } from "./local-client.ts";
import {
  collect,
  createRecordingLogger,
  createTestClient,
  honestHandlers,
  patternBytes,
  sha256,
  slicesOf,
  startTestServer,
  type TestHandlers,
  type TestMethods,
  testMethods,
  untilAborted,
} from "./testing/test-service.ts";

type Client = RpcClient<TestMethods>;
type Open = (handlers?: Partial<TestHandlers>, logger?: typeof silentLogger) => Promise<Client>;

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const overTheWire: Open = async (handlers, logger = silentLogger) => {
  const server = await startTestServer(handlers, { logger });
  const client = createTestClient(server.url);
  cleanups.push(
    () => server.close(),
    () => client.close(),
  );
  return client;
};
const inProcess: Open = async (handlers, logger = silentLogger) => {
  const client = createLocalClient<TestMethods, string>({
    methods: testMethods,
    handlers: { ...honestHandlers, ...handlers },
    principal: "somebody",
    logger,
  });
  cleanups.push(() => client.close());
  return client;
};

describe.each([
  ["over the wire", overTheWire],
  ["in process", inProcess],
] as const)("a client %s", (_name, open) => {
  it("gives request and response their defaults on arrival", async () => {
    const client = await open();
    expect(await client.echo({ value: "ab" })).toEqual({ value: "ab", note: "none" });
  });

  it("hands the principal to the handler", async () => {
    const client = await open({ echo: async (_request, { principal }) => ({ value: principal }) });
    expect((await client.echo({ value: "" })).value).toBe("somebody");
  });

  it("refuses a request that its schema refuses, before the handler", async () => {
    let called = 0;
    const client = await open({
      echo: async () => {
        called += 1;
        return { value: "" };
      },
    });
    const failure = await client.echo({ value: 7 as never }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "invalid_request", errors: [{ pointer: "/value" }] });
    expect(called).toBe(0);
  });

  it("refuses a response that its schema refuses", async () => {
    const client = await open({ echo: async () => ({ value: 7 as never }) });
    await expect(client.echo({ value: "" })).rejects.toMatchObject({ code: "protocol_violation" });
  });

  it("passes a DanubeError on with code, ids and single errors, once", async () => {
    const { logger, records } = createRecordingLogger();
    let calls = 0;
    const client = await open(
      {
        echo: async () => {
          calls += 1;
          throw new DanubeError("conflict", "It moved.", {
            ids: { jobId: "j1" },
            errors: [{ detail: "d", pointer: "/p" }],
          });
        },
      },
      logger,
    );
    const failure = await client.echo({ value: "" }).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "conflict",
      message: "It moved.",
      ids: { jobId: "j1" },
      errors: [{ detail: "d" }],
    });
    expect(calls).toBe(1);
    expect(records).toEqual([]);
  });

  it("answers an unknown error as internal, and only the log has its words", async () => {
    const { logger, records } = createRecordingLogger();
    const client = await open({ echo: () => Promise.reject(new Error("the password is hunter2")) }, logger);
    const failure = await client.echo({ value: "" }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "internal" });
    expect(String(failure)).not.toContain("hunter2");
    expect(records.filter((record) => record.includes("hunter2"))).toHaveLength(1);
  });

  it("tells a handler that throws without a promise the same way", async () => {
    const client = await open({
      echo: () => {
        throw new DanubeError("forbidden", "No.");
      },
      count: () => {
        throw new DanubeError("forbidden", "No.");
      },
    });
    await expect(client.echo({ value: "" })).rejects.toMatchObject({ code: "forbidden" });
    await expect(collect(client.count({ from: 0, to: 1 }))).rejects.toMatchObject({ code: "forbidden" });
  });

  it("tries again after a retryable error until it succeeds", async () => {
    let calls = 0;
    const client = await open({
      echo: async ({ value }) => {
        calls += 1;
        if (calls < 4) throw new DanubeError("unavailable", "Not yet.");
        return { value };
      },
    });
    expect((await client.echo({ value: "x" })).value).toBe("x");
    expect(calls).toBe(4);
  });

  it("gives up at the deadline and aborts the handler's signal", async () => {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const client = await open({
      echo: (_request, { signal, deadlineMs }) => {
        expect(deadlineMs).toBeGreaterThan(0);
        expect(deadlineMs).toBeLessThanOrEqual(100);
        signal.addEventListener("abort", () => resolve());
        return untilAborted(signal);
      },
    });
    await expect(client.echo({ value: "x" }, { deadlineMs: 100 })).rejects.toMatchObject({ code: "deadline_exceeded" });
    await aborted;
  });

  it("rejects with the caller's own reason when its signal aborts, and aborts the handler's", async () => {
    const begun = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const client = await open({
      echo: (_request, { signal }) => {
        begun.resolve();
        signal.addEventListener("abort", () => aborted.resolve());
        return untilAborted(signal);
      },
    });
    const abort = new AbortController();
    const call = client.echo({ value: "x" }, { signal: abort.signal });
    await begun.promise;
    abort.abort(new Error("changed my mind"));
    await expect(call).rejects.toThrow("changed my mind");
    await aborted.promise;
  });

  it("does not call at all when the signal is aborted already", async () => {
    let called = 0;
    const client = await open({
      echo: async () => {
        called += 1;
        return { value: "" };
      },
    });
    await expect(client.echo({ value: "" }, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    expect(called).toBe(0);
  });

  it("streams events in order and ends when the handler ends", async () => {
    const client = await open();
    const events = await collect(client.count({ from: 0, to: 5_000 }));
    expect(events.map(({ n }) => n)).toEqual(Array.from({ length: 5_000 }, (_, n) => n));
  });

  it("throws a stream's error after the events before it", async () => {
    const client = await open({
      async *count() {
        yield { n: 1 };
        yield { n: 2 };
        throw new DanubeError("job_not_active", "It is over.");
      },
    });
    const seen: number[] = [];
    const reading = (async () => {
      for await (const { n } of client.count({ from: 0, to: 0 })) seen.push(n);
    })();
    await expect(reading).rejects.toMatchObject({ code: "job_not_active", message: "It is over." });
    expect(seen).toEqual([1, 2]);
  });

  it("finishes a stream's handler when its reader leaves", async () => {
    const finished = Promise.withResolvers<boolean>();
    const client = await open({
      async *count(_request, { signal }) {
        try {
          for (let n = 0; ; n += 1) yield { n };
        } finally {
          finished.resolve(signal.aborted);
        }
      },
    });
    for await (const { n } of client.count({ from: 0, to: 0 })) if (n === 3) break;
    expect(await finished.promise).toBe(true);
  });

  it("does not run a stream's handler ahead of a reader that has stopped reading", async () => {
    let produced = 0;
    const client = await open({
      async *count() {
        for (let n = 0; ; n += 1) {
          produced = n;
          yield { n, padding: "x".repeat(10_000) } as never;
        }
      },
    });
    const events = client.count({ from: 0, to: 0 })[Symbol.asyncIterator]();
    await events.next();
    const settled = await untilSteady(() => produced);
    expect(settled * 10_000).toBeLessThan(8_000_000);
    await events.return?.();
  });

  it("uploads bytes, and a body that is a function", async () => {
    const client = await open();
    const bytes = patternBytes(3_000_001);
    const expected = { name: "a", sizeBytes: bytes.length, sha256: sha256(bytes) };
    expect(await client.store({ name: "a" }, bytes)).toEqual(expected);
    expect(await client.store({ name: "a" }, () => slicesOf(bytes, 70_001))).toEqual(expected);
    expect(await client.store({ name: "e" }, new Uint8Array())).toMatchObject({ sizeBytes: 0 });
  });

  it("rejects an upload with the error of its own source, and the handler sees no end", async () => {
    const outcome = Promise.withResolvers<string>();
    const client = await open({
      async store({ name }, body) {
        try {
          await collect(body);
          outcome.resolve("ended");
        } catch (error) {
          outcome.resolve((error as DanubeError).code);
          throw error;
        }
        return { name, sizeBytes: 0, sha256: "" };
      },
    });
    const source = async function* () {
      yield patternBytes(100);
      throw new RangeError("the file has gone");
    };
    await expect(client.store({ name: "a" }, source)).rejects.toThrow("the file has gone");
    expect(await outcome.promise).toBe("connection_lost");
  });

  it("takes an answer that comes before the upload is complete, and lets the source go", async () => {
    const returned = Promise.withResolvers<void>();
    const client = await open({
      store: async ({ name }) => ({ name, sizeBytes: -1, sha256: "known already" }),
    });
    const endless = async function* () {
      try {
        for (;;) yield patternBytes(10_000);
      } finally {
        returned.resolve();
      }
    };
    const firstBytes = client.store({ name: "a" }, endless);
    expect(await firstBytes).toMatchObject({ sha256: "known already" });
    await (open === inProcess ? undefined : returned.promise);
  });

  it("reports a refusal in the middle of an upload", async () => {
    const client = await open({
      async store(_request, body) {
        for await (const _chunk of body) throw new DanubeError("forbidden", "Not yours.");
        throw new Error("unreachable");
      },
    });
    await expect(client.store({ name: "a" }, patternBytes(20_000_000))).rejects.toMatchObject({ code: "forbidden" });
  });

  it("downloads bytes", async () => {
    const client = await open();
    const { response, body } = await client.fetch({ sizeBytes: 5_000_001 });
    const bytes = Buffer.concat(await collect(body));
    expect(bytes.length).toBe(response.sizeBytes);
    expect(sha256(bytes)).toBe(response.sha256);
    const empty = await client.fetch({ sizeBytes: 0 });
    expect(await collect(empty.body)).toEqual([]);
  });

  it("throws a download's error in the middle with its own code", async () => {
    const client = await open({
      async fetch({ sizeBytes }) {
        const body = async function* () {
          yield patternBytes(1_000);
          throw new DanubeError("corrupt", "The file is damaged.");
        };
        return { response: { sizeBytes, sha256: "" }, body: body() };
      },
    });
    const { body } = await client.fetch({ sizeBytes: 2_000 });
    await expect(collect(body)).rejects.toMatchObject({ code: "corrupt" });
  });

  it("carries frames and payloads both ways, and ends when both are done", async () => {
    const client = await open();
    const call = client.pipe({ greeting: "hi" });
    const payloads = [0, 1, 70_000, 1_048_576].map(patternBytes);
    const answers = collect(call);
    for (const [sequence, payload] of payloads.entries())
      await call.send({ sequence, length: payload.length }, payload);
    call.end();
    expect(await answers).toEqual(
      payloads.map((payload, sequence) => ({ sequence, sha256: sha256(payload), sizeBytes: payload.length })),
    );
  });

  it("can hold a conversation: each side waits for the other", async () => {
    const client = await open();
    const call = client.pipe({ greeting: "hi" });
    const answers = call[Symbol.asyncIterator]();
    for (let sequence = 0; sequence < 50; sequence += 1) {
      await call.send({ sequence, length: 0 });
      expect((await answers.next()).value).toMatchObject({ sequence });
    }
    call.end();
    expect((await answers.next()).done).toBe(true);
  });

  it("refuses to send a frame that does not announce its payload", async () => {
    const client = await open();
    const call = client.pipe({ greeting: "hi" });
    await expect(call.send({ sequence: 0, length: 2 }, Buffer.from("abc"))).rejects.toMatchObject({
      code: "protocol_violation",
    });
    await expect(call.send({ sequence: 0, length: 2_000_000 }, Buffer.alloc(2_000_000))).rejects.toMatchObject({
      code: "payload_too_large",
    });
    call.close();
  });

  it("never shows the handler a call that was closed as one that ended", async () => {
    const outcome = Promise.withResolvers<string>();
    const client = await open({
      async *pipe(_request, frames) {
        let last = "left";
        try {
          for await (const { frame } of frames) yield { sequence: frame.sequence, sha256: "", sizeBytes: 0 };
          last = "ended";
        } finally {
          outcome.resolve(last);
        }
      },
    });
    const call = client.pipe({ greeting: "hi" });
    const answers = call[Symbol.asyncIterator]();
    await call.send({ sequence: 0, length: 0 });
    await answers.next();
    call.close();
    await expect(answers.next()).rejects.toMatchObject({ code: "connection_lost" });
    await expect(call.send({ sequence: 1, length: 0 })).rejects.toMatchObject({ code: "connection_lost" });
    expect(await outcome.promise).toBe("left");
  });

  it("tells a duplex handler's error to the reader and to later sends", async () => {
    const client = await open({
      async *pipe(_request, frames) {
        for await (const { frame } of frames) {
          if (frame.sequence === 1) throw new DanubeError("job_not_active", "Over.");
          yield { sequence: frame.sequence, sha256: "", sizeBytes: 0 };
        }
      },
    });
    const call = client.pipe({ greeting: "hi" });
    await call.send({ sequence: 0, length: 0 });
    await call.send({ sequence: 1, length: 0 });
    await expect(collect(call)).rejects.toMatchObject({ code: "job_not_active" });
    await expect(call.send({ sequence: 2, length: 0 })).rejects.toMatchObject({ code: "job_not_active" });
  });

  it("holds a duplex sender back whose frames nobody takes", async () => {
    const client = await open({
      async *pipe(_request, _frames, { signal }) {
        yield await untilAborted(signal);
      },
    });
    const call = client.pipe({ greeting: "hi" });
    const payload = Buffer.alloc(500_000);
    let sent = 0;
    const sending = (async () => {
      for (; ; sent += 1) await call.send({ sequence: sent, length: payload.length }, payload);
    })();
    sending.catch(() => undefined);
    const settled = await untilSteady(() => sent);
    expect(settled).toBeLessThan(16);
    call.close();
    await expect(sending).rejects.toMatchObject({ code: "connection_lost" });
  });

  it("does not run the source of a download ahead of a reader that has stopped reading", async () => {
    let produced = 0;
    const client = await open({
      async fetch({ sizeBytes }) {
        const body = async function* () {
          for (; ; produced += 1) yield Buffer.alloc(50_000);
        };
        return { response: { sizeBytes, sha256: "" }, body: body() };
      },
    });
    const { body } = await client.fetch({ sizeBytes: 1 });
    const chunks = body[Symbol.asyncIterator]();
    await chunks.next();
    expect((await untilSteady(() => produced)) * 50_000).toBeLessThan(8_000_000);
    await chunks.return?.();
  });

  it("does not run the source of an upload ahead of a handler that has stopped reading", async () => {
    let produced = 0;
    const client = await open({
      async store(_request, body, { signal }) {
        await body[Symbol.asyncIterator]().next();
        return untilAborted(signal);
      },
    });
    const abort = new AbortController();
    const endless = async function* () {
      for (; ; produced += 1) yield Buffer.alloc(50_000);
    };
    const upload = client.store({ name: "a" }, endless, { signal: abort.signal });
    upload.catch(() => undefined);
    expect((await untilSteady(() => produced)) * 50_000).toBeLessThan(8_000_000);
    abort.abort(new Error("enough"));
    await expect(upload).rejects.toThrow("enough");
  });

  it("uploads 50 MB whole", async () => {
    const client = await open();
    const bytes = patternBytes(50_000_000);
    expect(await client.store({ name: "big" }, bytes)).toMatchObject({ sizeBytes: 50_000_000, sha256: sha256(bytes) });
  });

  it("refuses every call after it was closed, and breaks off those that go on", async () => {
    const begun = Promise.withResolvers<void>();
    const client = await open({
      echo: (_request, { signal }) => {
        begun.resolve();
        return untilAborted(signal);
      },
    });
    const call = client.echo({ value: "" }, { deadlineMs: 400 });
    const stream = collect(client.count({ from: 0, to: Number.POSITIVE_INFINITY }));
    stream.catch(() => undefined);
    await begun.promise;
    await client.close();
    await expect(stream).rejects.toMatchObject({ code: "connection_lost" });
    await expect(call).rejects.toMatchObject({ code: "connection_lost" });
    await expect(client.echo({ value: "" }, { deadlineMs: 50 })).rejects.toMatchObject({ code: "connection_lost" });
  });
});

/**
 * The value of `look` once it has stood still for a while. Nothing tells that something will not happen, so this is the one
 * place where a test has to let time pass; a machine that is too slow can only make it pass where it should fail.
 */
async function untilSteady(look: () => number): Promise<number> {
  let last = look();
  for (let quiet = 0; quiet < 30; quiet += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
    if (look() !== last) quiet = 0;
    last = look();
  }
  return last;
}
