import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../testing/test-api.ts";

let server: TestApi;
let url: string;
let stepId: string;
const first = "checkout\n";
const step = "step says ✓ hello\nstep says bye\n";
const last = "HELLO from the pipeline\n";
const whole = first + step + last;

beforeAll(async () => {
  server = await startTestApi();
  const job = await server.createJob();
  const begun = await server.startStep(job.id, "Install");
  stepId = begun.id;
  const log = await server.openLog(job.id);
  const pipeline = log.source("pipeline");
  await pipeline.append(0, Buffer.from(first));
  const source = log.source(stepId);
  await source.append(0, Buffer.from(step));
  await source.end(Buffer.byteLength(step));
  await pipeline.append(Buffer.byteLength(first), Buffer.from(last));
  await log.endAll();
  url = `/api/v1/jobs/${job.id}/logs`;
});
afterAll(() => server.stop());

const get = (query = "", headers: Record<string, string> = {}) => server.fetch(`${url}${query}`, { headers });

describe("a job's log", () => {
  test("is text that nothing in it can make into anything else", async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(whole);
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("content-security-policy")).toContain("sandbox");
    expect(response.headers.get("content-length")).toBe(String(Buffer.byteLength(whole)));
  });

  test("can be had in ranges of bytes", async () => {
    const bytes = Buffer.from(whole);
    for (const [header, start, end] of [
      ["bytes=0-7", 0, 8],
      ["bytes=5-", 5, bytes.length],
      ["bytes=-4", bytes.length - 4, bytes.length],
    ] as const) {
      const response = await get("", { range: header });
      expect(response.status).toBe(206);
      expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/${bytes.length}`);
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(start, end))).toBe(true);
    }
    const beyond = await get("", { range: `bytes=${bytes.length}-` });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${bytes.length}`]);
  });

  test("can be had of one step, also in ranges", async () => {
    expect(await (await get(`?step=${stepId}`)).text()).toBe(step);
    expect(await (await get(`?step=${stepId}`, { range: "bytes=0-3" })).text()).toBe("step");
    expect((await get("?step=nonsense")).status).toBe(404);
  });

  test("can be searched", async () => {
    const found = (await (await get("?search=hello")).json()) as { matches: { text: string; lineNumber: number }[] };
    expect(found).toMatchObject({ truncated: false, matches: [{ lineNumber: 2, text: "step says ✓ hello" }] });
    const any = (await (await get("?search=hello&ignoreCase=true&limit=1")).json()) as typeof found;
    expect(any).toMatchObject({ truncated: true, matches: [{ lineNumber: 2 }] });
    expect((await get("?search=")).status).toBe(400);
  });

  test("of a job that printed nothing is empty", async () => {
    const { id } = await server.createJob();
    const response = await server.fetch(`/api/v1/jobs/${id}/logs`);
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("leaves no file open, however its readers go", async () => {
    const { readdir, readlink } = await import("node:fs/promises");
    const openLogs = async () => {
      const links = await Promise.all(
        (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
      );
      return links.filter((link) => link.startsWith(server.logsDirectory) && link.endsWith(".log")).length;
    };
    const before = await openLogs();
    await server.fetch(url, { method: "HEAD" });
    await (await get()).body?.cancel();
    await (await get("?search=hello")).text();
    await (await get("", { range: "bytes=9999-" })).text();
    while ((await openLogs()) > before) await new Promise((resolve) => setImmediate(resolve));
  });
});
