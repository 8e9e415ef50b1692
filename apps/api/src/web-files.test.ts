import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "./testing/test-api.ts";

let server: TestApi;
let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "danube-web-"));
  await mkdir(join(directory, "assets"));
  await writeFile(join(directory, "index.html"), "<!doctype html><title>UI</title>");
  await writeFile(join(directory, "assets", "main-Ab3dE_9z.js"), "export {}");
  await writeFile(join(directory, "icon.svg"), "<svg/>");
  server = await startTestApi({ webFiles: directory });
});
afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const get = (path: string, headers: Record<string, string> = {}) => fetch(`${server.url}${path}`, { headers });

describe("the web UI's files", () => {
  test("every page is the index, never stored, under a policy that runs only our own files", async () => {
    for (const path of ["/", "/jobs/019a0000-0000-7000-8000-000000000000", "/pipelines/app"]) {
      const response = await get(path);
      expect([response.status, await response.text()]).toEqual([200, "<!doctype html><title>UI</title>"]);
      expect(response.headers.get("cache-control")).toBe("no-cache");
      const policy = response.headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain("unsafe");
    }
  });

  test("files with a hash in their name are kept for ever, others are asked for again", async () => {
    const script = await get("/assets/main-Ab3dE_9z.js");
    expect(script.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(script.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    const icon = await get("/icon.svg");
    expect(icon.headers.get("cache-control")).toBe("no-cache");
    expect((await get("/icon.svg", { "if-none-match": icon.headers.get("etag") ?? "" })).status).toBe(304);
  });

  test("where none were built, the page says so and the API works", async () => {
    const without = await startTestApi({ webFiles: join(directory, "missing") });
    try {
      expect(await (await fetch(`${without.url}/`)).text()).toContain("not part of this installation");
    } finally {
      await without.stop();
    }
  });

  test.each([
    "/assets/none.js",
    "/assets/..%2f..%2fetc%2fpasswd",
    "/..%2findex.html",
    "/api",
    "/api/v2/jobs",
    "/__proto__.js",
  ])("%s is nothing", async (path) => {
    expect((await get(path)).status).toBe(404);
  });
});
