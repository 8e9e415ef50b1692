import { request } from "node:http";
import { createTestClock, type TestClock } from "@danube/kit";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startTestApi, type TestApi, testToken } from "../testing/test-api.ts";
import { createOneTimeCodes } from "./one-time-codes.ts";

let server: TestApi;
let clock: TestClock;
beforeEach(async () => {
  clock = createTestClock();
  server = await startTestApi({
    clock,
    auth: {
      localToken: () => testToken,
      oneTimeCodes: createOneTimeCodes({ clock }),
      allowedHosts: ["ci.example.com"],
    },
  });
});
afterEach(() => server.stop());

const principal = { subject: "mona", permission: "write" } as const;
const once = (code: string, method = "GET") =>
  fetch(`${server.url}/login/once?code=${code}`, { method, redirect: "manual" });
const issue = () => server.dependencies.auth.oneTimeCodes?.issue(principal) ?? "";
const login = async () => (await once(issue())).headers.get("set-cookie")?.split(";")[0] ?? "";
const me = (cookie: string) => fetch(`${server.url}/api/v1/me`, { headers: { cookie } });

describe("a one-time link", () => {
  test("logs a browser in, with a cookie that scripts and other sites cannot use", async () => {
    const response = await once(issue());
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("/");
    expect(response.headers.get("cache-control")).toBe("no-store");
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/^danube_session=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    const answer = await me(cookie.split(";")[0] ?? "");
    expect(await answer.json()).toEqual({ subject: "mona", admin: false });
  });

  test("works once", async () => {
    const code = issue();
    expect((await once(code)).status).toBe(303);
    expect((await once(code)).status).toBe(401);
  });

  test("is not used up by a probe, and not guessed", async () => {
    const code = issue();
    expect((await once(code, "HEAD")).status).toBe(401);
    for (const guess of ["", "x", code.slice(1), "__proto__"]) expect((await once(guess)).status).toBe(401);
    expect((await once(code)).status).toBe(303);
  });

  test("ends after ten minutes", async () => {
    const [early, late] = [issue(), issue()];
    await clock.advance(599_999);
    expect((await once(early)).status).toBe(303);
    await clock.advance(1);
    expect((await once(late)).status).toBe(401);
  });
});

describe("a session", () => {
  test("ends after twelve hours", async () => {
    const cookie = await login();
    await clock.advance(12 * 3_600_000 - 1);
    expect((await me(cookie)).status).toBe(200);
    await clock.advance(1);
    expect((await me(cookie)).status).toBe(401);
  });

  test("ends at logout, on the server", async () => {
    const cookie = await login();
    const out = await fetch(`${server.url}/api/v1/session`, {
      method: "DELETE",
      headers: { cookie, origin: server.url },
    });
    expect(out.status).toBe(204);
    expect((await me(cookie)).status).toBe(401);
  });

  test("does not make up for a wrong token", async () => {
    const cookie = await login();
    const response = await fetch(`${server.url}/api/v1/me`, { headers: { cookie, authorization: "Bearer wrong" } });
    expect(response.status).toBe(401);
  });

  test("changes things only from our own pages", async () => {
    const cookie = await login();
    const job = await server.createJob();
    const cancel = (headers: Record<string, string>) =>
      fetch(`${server.url}/api/v1/jobs/${job.id}/cancel`, { method: "POST", headers: { cookie, ...headers } });
    for (const origin of [
      undefined,
      "https://evil.example",
      "null",
      `${server.url}.evil.example`,
      "http://127.0.0.1:1",
    ]) {
      expect((await cancel(origin === undefined ? {} : { origin })).status, origin).toBe(403);
    }
    expect((await server.dependencies.queries.getJob({ jobId: job.id })).job?.version).toBe(job.version);
    expect((await cancel({ origin: server.url })).status).toBe(200);
  });

  test("a token may come from a program, which has no origin, but not from another site's page", async () => {
    const job = await server.createJob();
    const path = `/api/v1/jobs/${job.id}/cancel`;
    const other = await server.fetch(path, { method: "POST", headers: { origin: "https://evil.example" } });
    expect(other.status).toBe(403);
    expect((await server.fetch(path, { method: "POST" })).status).toBe(200);
  });

  test("is Secure where the public URL is https", async () => {
    const secure = await startTestApi({
      auth: { publicUrl: "https://ci.example.com", oneTimeCodes: server.dependencies.auth.oneTimeCodes },
    });
    try {
      const response = await fetch(`${secure.url}/login/once?code=${issue()}`, { redirect: "manual" });
      expect(response.headers.get("set-cookie")).toMatch(/^__Host-danube_session=.*; Secure; /);
    } finally {
      await secure.stop();
    }
  });
});

describe("the Host header", () => {
  const askAs = (host: string) =>
    new Promise<number>((resolve, reject) => {
      const headers = { host, authorization: `Bearer ${testToken}` };
      request({ port: server.port, host: "127.0.0.1", path: "/api/v1/me", headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on("error", reject)
        .end();
    });

  test.each([
    "localhost",
    "LOCALHOST:8080",
    "127.0.0.1:1",
    "[::1]:8080",
    "192.168.1.20",
    "ci.example.com",
    "ci.example.com:443",
    "ci.example.com.",
  ])("%s is ours", async (host) => {
    expect(await askAs(host)).toBe(200);
  });

  test.each(["evil.example", "ci.example.com.evil.example", "127.0.0.1.evil.example", "localhost.evil.example"])(
    "%s is not",
    async (host) => {
      expect(await askAs(host)).toBe(403);
    },
  );
});
