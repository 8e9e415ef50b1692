import { readFile } from "node:fs/promises";
import { Socket } from "node:net";
import { join } from "node:path";
import { createTestClock } from "@danube/kit";
import { type Job, LogStreamEvent, StatusStreamEvent } from "@danube/protocol";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSse, type SseReader } from "../testing/sse-reader.ts";
import { startTestApi, type TestApi, testToken } from "../testing/test-api.ts";

let server: TestApi;
beforeAll(async () => {
  server = await startTestApi();
});
afterAll(() => server.stop());

const authorization = `Bearer ${testToken}`;
const follow = (jobId: string, headers: Record<string, string> = {}, query = "", url = server.url) =>
  readSse(`${url}/api/v1/jobs/${jobId}/logs/stream${query}`, { authorization, ...headers });
const kinds = ({ events }: SseReader) => events.map(({ event }) => event);

/** A running job with a log, and the end of both. */
async function startJob(api = server) {
  const job = await api.createJob();
  await api.moveJob(job.id, { status: "running" });
  const log = await api.openLog(job.id);
  const source = log.source("pipeline");
  let sent = 0;
  return {
    id: job.id,
    log,
    async print(text: string | Uint8Array) {
      const bytes = typeof text === "string" ? Buffer.from(text) : text;
      const at = sent;
      sent += bytes.length;
      await source.append(at, bytes);
    },
    async finish() {
      await log.endAll();
      await api.moveJob(job.id, { status: "success" });
      api.changes.publish({ type: "log", jobId: job.id, sizeBytes: log.sizeBytes, closed: true });
    },
    file: () => readFile(join(api.logsDirectory, `${job.id}.log`)),
  };
}

describe("the stream of a job's log", () => {
  test("tells the job and its steps first, then the log as it grows, then the end", async () => {
    const job = await startJob();
    const step = await server.startStep(job.id, "Install");
    await job.print("before\n");
    const reader = await follow(job.id);
    const { headers } = reader.response;
    expect(headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    expect(headers["x-accel-buffering"]).toBe("no");
    expect(headers["cache-control"]).toContain("no-store");
    await reader.until(() => reader.text() === "before\n");
    expect(kinds(reader)).toEqual(["job", "step", "log"]);
    await job.print("after ✓\n");
    await reader.until(() => reader.text() === "before\nafter ✓\n");
    await server.finishStep({ stepId: step.id, status: "success", exitCode: 0 });
    await job.finish();
    await reader.ended;
    for (const event of reader.events) LogStreamEvent.parse(event);
    const last = reader.events.at(-1) as { event: string; data: Job };
    expect([last.event, last.data.status]).toEqual(["end", "success"]);
    expect(reader.events.findLast(({ event }) => event === "step")?.data).toMatchObject({ status: "success" });
    expect(reader.events.findLast(({ event }) => event === "log")?.id).toBe((await job.file()).length);
  });

  test("of a job that is over is the whole log and its end, at once", async () => {
    const job = await startJob();
    await job.print("x".repeat(200_000));
    await job.finish();
    const reader = await follow(job.id);
    await reader.ended;
    expect(Buffer.from(reader.text()).equals(await job.file())).toBe(true);
    expect(kinds(reader).at(-1)).toBe("end");
  });

  test("of a job that never had a log ends too", async () => {
    const { id } = await server.createJob();
    await server.moveJob(id, { status: "cancelled", reason: "cancelled_by_user", message: "x" });
    const reader = await follow(id);
    await reader.ended;
    expect(kinds(reader)).toEqual(["job", "end"]);
  });

  test("goes on from Last-Event-ID, or from `from`; the header is newer", async () => {
    const job = await startJob();
    await job.print("0123456789\n");
    await job.finish();
    const ask = async (headers: Record<string, string>, query: string) => {
      const reader = await follow(job.id, headers, query);
      await reader.ended;
      return reader.text();
    };
    expect(await ask({ "last-event-id": "4" }, "")).toBe("456789\n");
    expect(await ask({}, "?from=7")).toBe("789\n");
    expect(await ask({ "last-event-id": "9" }, "?from=2")).toBe("9\n");
    expect(await ask({ "last-event-id": "not ours" }, "")).toBe("0123456789\n");
    expect(await ask({ "last-event-id": "999999" }, "")).toBe("");
    expect((await server.fetch(`/api/v1/jobs/${job.id}/logs/stream?from=-1`)).status).toBe(400);
  });

  test("never cuts a character in two, and replaces what is none", async () => {
    const job = await startJob();
    const reader = await follow(job.id);
    const bytes = Buffer.from("a✓😀é");
    for (const byte of bytes) await job.print(Buffer.from([byte]));
    await reader.until(() => reader.text() === "a✓😀é");
    await job.print(Buffer.from([0xe2, 0x9c]));
    await job.finish();
    await reader.ended;
    expect(reader.text()).toBe("a✓😀é�\n");
  });

  test("a log of many bytes at once reaches readers of all ages, each byte once", async () => {
    const job = await startJob();
    const readers = [await follow(job.id), await follow(job.id)];
    for (let line = 0; line < 200; line += 1) {
      await job.print(`${line} ${"ä".repeat(3_000)}\n`);
      if (line % 50 === 25) readers.push(await follow(job.id), await follow(job.id, {}, `?from=${job.log.sizeBytes}`));
    }
    await job.finish();
    await Promise.all(readers.map((reader) => reader.ended));
    const whole = await job.file();
    for (const reader of readers) {
      const text = Buffer.from(reader.text());
      expect(whole.subarray(whole.length - text.length).equals(text)).toBe(true);
      const ids = reader.events.flatMap(({ id }) => id ?? []);
      expect(ids).toEqual([...ids].sort((one, other) => one - other));
      expect(ids.at(-1)).toBe(whole.length);
    }
    expect(Buffer.from(readers[0]?.text() ?? "").equals(whole)).toBe(true);
  });

  test("nothing is missed and nothing comes twice over cut connections, other processes and lost changes", async () => {
    const pieces = fc.array(
      fc.tuple(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }),
        fc.constantFrom("go on", "reconnect", "elsewhere", "lose changes"),
      ),
      { minLength: 1, maxLength: 15 },
    );
    const another = await server.startAnother();
    await fc.assert(
      fc.asyncProperty(pieces, async (script) => {
        const job = await startJob();
        let url = server.url;
        let reader = await follow(job.id);
        let seen = "";
        const reconnect = async () => {
          const at = reader.events.findLast(({ id }) => id !== undefined)?.id;
          seen += reader.text();
          reader.close();
          await reader.ended;
          const offset = at ?? Buffer.byteLength(seen);
          reader = await follow(job.id, { "last-event-id": String(offset) }, "", url);
        };
        for (const [text, fault] of script) {
          await job.print(text);
          if (fault === "reconnect") await reconnect();
          if (fault === "elsewhere") {
            url = url === server.url ? another.url : server.url;
            await reconnect();
          }
          if (fault === "lose changes") server.changes.breakAll();
        }
        await job.finish();
        await reader.ended;
        expect(kinds(reader).at(-1)).toBe("end");
        expect(seen + reader.text()).toBe((await job.file()).toString());
      }),
      { numRuns: 25 },
    );
  });

  test("a reader that stops reading holds no memory and harms nobody; when it reads again it has everything", async () => {
    const job = await startJob();
    const stalled = await follow(job.id);
    const live = await follow(job.id);
    stalled.pause();
    const line = `${"x".repeat(999)}\n`;
    for (let block = 0; block < 40; block += 1) await job.print(line.repeat(1_000));
    await live.until(() => live.textLength === 40_000_000);
    await untilBlocked();
    expect(sockets().reduce((sum, { writableLength }) => sum + writableLength, 0)).toBeLessThan(1_000_000);
    stalled.resume();
    await job.finish();
    await Promise.all([stalled.ended, live.ended]);
    expect(stalled.textLength).toBe(40_000_000);
  });

  test("a reader is told of each state once, however it comes by it", async () => {
    const job = await startJob();
    const reader = await follow(job.id);
    const step = await server.startStep(job.id, "One");
    server.changes.publish({ type: "step", step });
    server.changes.publish({ type: "reset" });
    await server.finishStep({ stepId: step.id, status: "failure", exitCode: 1, reason: "step_failed", message: "x" });
    server.changes.publish({ type: "step", step });
    await job.finish();
    await reader.ended;
    const steps = reader.events
      .filter(({ event }) => event === "step")
      .map(({ data }) => (data as { status: string }).status);
    expect(steps).toEqual(["running", "failure"]);
    const states = reader.events.filter(({ event }) => event === "job").map(({ data }) => (data as Job).status);
    expect(states).toEqual(["running", "success"]);
  });

  test("ends even if the end of the log is never told", async () => {
    const clock = createTestClock();
    const api = await startTestApi({ clock });
    try {
      const job = await startJob(api);
      const reader = await follow(job.id, {}, "", api.url);
      await job.print("last words");
      await reader.until(() => reader.text() === "last words");
      await job.log.endAll();
      await api.moveJob(job.id, { status: "success" });
      await reader.until(({ events }) => events.some(({ data }) => (data as Job).status === "success"));
      await clock.advance(2_000);
      await reader.ended;
      expect([reader.text(), kinds(reader).at(-1)]).toEqual(["last words\n", "end"]);
    } finally {
      await api.stop();
    }
  });

  test("HEAD is answered and opens nothing", async () => {
    const job = await startJob();
    const response = await server.fetch(`/api/v1/jobs/${job.id}/logs/stream`, { method: "HEAD" });
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
  });
});

describe("every stream", () => {
  test("has a heartbeat after 15 s of silence, and is cut when nobody reads", async () => {
    const clock = createTestClock();
    const api = await startTestApi({ clock });
    try {
      const job = await startJob(api);
      const reader = await follow(job.id, {}, "", api.url);
      await reader.until(({ events }) => events.length === 1);
      await clock.advance(14_000);
      expect(reader.comments).toEqual([]);
      await clock.advance(2_000);
      await reader.until(({ comments }) => comments.length === 1);
      expect(reader.comments).toEqual(["heartbeat"]);

      reader.pause();
      for (let block = 0; block < 20; block += 1) await job.print(`${"x".repeat(999)}\n`.repeat(1_000));
      await untilBlocked();
      await clock.advance(29_000);
      expect(await api.metrics.render()).toContain("danube_sse_clients_active 1\n");
      await clock.advance(2_000);
      await untilMetric(api.metrics, "danube_sse_clients_active 0");
      reader.resume();
      await reader.ended;
      expect(kinds(reader)).not.toContain("end");
    } finally {
      await api.stop();
    }
  });

  test("ends when the server stops, and goes on at another one", async () => {
    const job = await startJob();
    const another = await server.startAnother();
    const reader = await follow(job.id, {}, "", another.url);
    await job.print("one ");
    await reader.until(() => reader.text() === "one ");
    await another.api.stop({ graceMs: 100 });
    await reader.ended;
    await job.print("two");
    const next = await follow(job.id, { "last-event-id": "4" });
    await next.until(() => next.text() === "two");
    next.close();
  });
});

describe("the stream of all jobs", () => {
  const watch = (url = server.url) => readSse(`${url}/api/v1/events/stream`, { authorization });

  test("begins with reset and tells each change of a job", async () => {
    const reader = await watch();
    await reader.until(({ events }) => events.length > 0);
    const job = await server.createJob();
    await server.moveJob(job.id, { status: "running" });
    server.changes.publish({ type: "configuration", commitSha: "d".repeat(40) });
    await reader.until(({ events }) => events.at(-1)?.event === "configuration");
    for (const event of reader.events) StatusStreamEvent.parse(event);
    expect(kinds(reader)).toEqual(["reset", "job", "job", "configuration"]);
    reader.close();
  });

  test("a client that was too slow is told to look everything up", async () => {
    const reader = await watch();
    await reader.until(({ events }) => events.length > 0);
    reader.pause();
    const job = await server.createJob();
    const message = "x".repeat(10_000);
    while (!isBlocked()) {
      server.changes.publish({ type: "job", job: { ...job, message } });
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let count = 0; count < 2_000; count += 1) server.changes.publish({ type: "job", job: { ...job, message } });
    expect(sockets().reduce((sum, { writableLength }) => sum + writableLength, 0)).toBeLessThan(1_000_000);
    reader.resume();
    await reader.until(({ events }) => events.length > 1 && events.at(-1)?.event === "reset");
    const next = await server.createJob();
    await reader.until(({ events }) => (events.at(-1)?.data as Job | undefined)?.id === next.id);
    reader.close();
  });
});

/** This process' sockets: what they hold has not been taken by a client. */
function sockets(): { readonly writableLength: number; readonly writableNeedDrain: boolean }[] {
  const handles = (process as unknown as { _getActiveHandles(): object[] })._getActiveHandles();
  return handles.filter((handle) => handle instanceof Socket);
}

/** Resolves when a client takes no more of what is written to it. */
async function untilBlocked(): Promise<void> {
  while (!isBlocked()) await new Promise((resolve) => setImmediate(resolve));
}

function isBlocked(): boolean {
  return sockets().some(({ writableNeedDrain }) => writableNeedDrain);
}

async function untilMetric(metrics: TestApi["metrics"], line: string): Promise<void> {
  while (!(await metrics.render()).includes(`${line}\n`)) await new Promise((resolve) => setImmediate(resolve));
}
