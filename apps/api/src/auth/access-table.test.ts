import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../testing/test-api.ts";
import { accessOf, accessTable } from "./access-table.ts";

let server: TestApi;
beforeAll(async () => {
  server = await startTestApi({ limits: { decisionWaitMs: 0 } });
});
afterAll(() => server.stop());

const rows = Object.entries(accessTable).map(([key, access]) => {
  const [method = "", path = ""] = key.split(" ");
  return { key, method: method.toUpperCase(), path, access };
});
const anId = "019a0000-0000-7000-8000-000000000000";
const concrete = (path: string) => path.replace("{id}", anId).replace("{name}", "app").replace("*", "");
const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
  fetch(`${server.url}${concrete(path)}`, {
    method,
    headers: { ...(method === "POST" ? { "content-type": "application/json" } : {}), ...headers },
    ...(method === "POST" ? { body: "{}" } : {}),
    redirect: "manual",
  });

describe("the access table", () => {
  test("is exactly the routes that exist", () => {
    const routes = new Set(
      server.api.router.routes
        .filter(({ method }) => method !== "ALL")
        .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:([a-z]+)/g, "{$1}")}`),
    );
    expect([...routes].sort()).toEqual(Object.keys(accessTable).sort());
  });

  test("a route without a row cannot be made", () => {
    expect(() => accessOf("get", "/api/v1/new")).toThrow("has no row");
    expect(() => accessOf("get", "constructor")).toThrow("has no row");
  });

  const guarded = rows.filter(({ access }) => access !== "public" && access !== "signed");
  const wrong: [string, Record<string, string>][] = [
    ["no credentials", {}],
    ["a wrong token", { authorization: "Bearer wrong" }],
    ["an empty token", { authorization: "Bearer " }],
    ["another scheme", { authorization: "Basic dGVzdDp0ZXN0" }],
    ["an unknown session", { cookie: "danube_session=unknown" }],
  ];
  for (const { key, method, path } of guarded) {
    test.each(wrong)(`${key} with %s: 401`, async (_name, headers) => {
      const response = await ask(method, path, headers);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe('Bearer realm="danube"');
      expect(await response.json()).toMatchObject({ code: "unauthenticated", status: 401 });
    });
  }

  test("each level may do what it may and no more", async () => {
    const tokens = {
      none: await server.createToken({ scopes: [] }),
      unknown: await server.createToken({ scopes: ["owner", "Admin"] }),
      read: await server.createToken({ scopes: ["read"] }),
      write: await server.createToken({ scopes: ["write"] }),
      admin: await server.createToken({ scopes: ["admin"] }),
      expired: await server.createToken({ scopes: ["admin"], expiresAt: "2020-01-01T00:00:00.000Z" }),
    };
    const refusals = { none: 401, unknown: 401, expired: 401 } as const;
    const order = ["read", "write", "admin"];
    for (const { key, method, path, access } of guarded) {
      if (path.endsWith("/stream")) continue; // begins to stream when it may; its refusals are above
      const needed = order.indexOf(access === "metrics" ? "read" : access);
      for (const [level, token] of Object.entries(tokens)) {
        const response = await ask(method, path, { authorization: `Bearer ${token}` });
        await response.arrayBuffer();
        const refusal = (refusals as Record<string, number>)[level];
        if (refusal !== undefined) expect(response.status, `${key} as ${level}`).toBe(refusal);
        else if (order.indexOf(level) < needed) expect(response.status, `${key} as ${level}`).toBe(403);
        else expect([401, 403], `${key} as ${level}`).not.toContain(response.status);
      }
    }
  });

  test("every public route answers without credentials, and none of them with data of jobs", async () => {
    for (const { key, method, path } of rows.filter(({ access }) => access === "public")) {
      const response = await ask(method, path);
      if (key !== "get /login/once") expect(response.status, key).toBe(200);
    }
  });

  test("what does not exist is a problem too, with the request's id", async () => {
    const response = await fetch(`${server.url}/api/v1/nothing`);
    expect(response.status).toBe(404);
    const problem = (await response.json()) as { instance: string };
    expect(problem.instance).toBe(`urn:uuid:${response.headers.get("x-request-id")}`);
  });
});
