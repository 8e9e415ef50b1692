import { newId } from "@danube/kit";
import { DanubeError, type Job } from "@danube/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApi, type TestApi } from "../testing/test-api.ts";

let server: TestApi;
beforeAll(async () => {
  server = await startTestApi({ pipelines: [{ name: "app" }, { name: "other" }] });
});
afterAll(() => server.stop());

const get = (path: string, headers: Record<string, string> = {}) => server.fetch(path, { headers });
// biome-ignore lint: the tests look into answers of every shape
const json = async (path: string) => (await (await get(path)).json()) as Record<string, never>;

describe("jobs and pipelines", () => {
  let jobs: Job[];
  beforeAll(async () => {
    jobs = [];
    for (let count = 0; count < 5; count += 1) jobs.push(await server.createJob());
    jobs.push(await server.createJob({ pipeline: "other", trigger: { branch: "dev" } }));
    await server.moveJob(jobs[0]?.id ?? "", { status: "failure", reason: "step_failed", message: "x" });
  });
  const idsOf = (page: { items?: Job[] }) => page.items?.map(({ id }) => id);

  test("are listed newest first, page by page", async () => {
    const newestFirst = jobs.map(({ id }) => id).reverse();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page: { items?: Job[]; nextCursor?: string } = await json(
        `/api/v1/jobs?limit=4${cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      seen.push(...(idsOf(page) ?? []));
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(newestFirst);
  });

  test("are found by pipeline, status and branch", async () => {
    expect(idsOf(await json("/api/v1/jobs?pipeline=other"))).toEqual([jobs[5]?.id]);
    expect(idsOf(await json("/api/v1/jobs?branch=dev"))).toEqual([jobs[5]?.id]);
    expect(idsOf(await json("/api/v1/jobs?status=failure,success"))).toEqual([jobs[0]?.id]);
    expect(idsOf(await json("/api/v1/pipelines/other/jobs"))).toEqual([jobs[5]?.id]);
  });

  test.each(["?limit=0", "?limit=501", "?limit=x", "?status=done", "?status=", "?cursor=nonsense"])(
    "%s is refused",
    async (query) => {
      const response = await get(`/api/v1/jobs${query}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: "invalid_request" });
    },
  );

  test("a job has its steps, artifacts and the size of its log", async () => {
    const job = await server.createJob();
    const step = await server.startStep(job.id, "Install");
    const log = await server.openLog(job.id);
    await log.source(step.id).append(0, Buffer.from("hello\n"));
    const artifact = await server.createArtifact(job.id, "site", Buffer.from("bytes"));
    expect(await json(`/api/v1/jobs/${job.id}`)).toMatchObject({
      id: job.id,
      steps: [{ id: step.id, name: "Install" }],
      artifacts: [{ id: artifact.id }],
      logSizeBytes: 6,
    });
    expect(await json(`/api/v1/jobs/${job.id}/artifacts`)).toEqual({ items: [artifact] });
  });

  test("what does not exist looks like what cannot", async () => {
    for (const id of [newId(), "1", "..", "%2e%2e%2f", "x".repeat(5_000), "019A0000-0000-7000-8000-000000000000"]) {
      for (const end of ["", "/logs", "/logs/stream", "/artifacts"]) {
        const response = await get(`/api/v1/jobs/${id}${end}`);
        expect(response.status, `${id}${end}`).toBe(404);
        expect(response.headers.get("content-type")).toBe("application/problem+json");
      }
    }
    expect((await get("/api/v1/pipelines/none")).status).toBe(404);
    expect((await get("/api/v1/pipelines/none/jobs")).status).toBe(404);
  });

  test("a pipeline has its newest job and its parameters", async () => {
    const list = await json("/api/v1/pipelines");
    expect((list as unknown as { items: { name: string }[] }).items.map(({ name }) => name)).toEqual(["app", "other"]);
    expect(await json("/api/v1/pipelines/other")).toMatchObject({
      name: "other",
      repository: "https://github.com/octo/other",
      lastJob: { id: jobs[5]?.id },
      params: {},
    });
  });

  test("a job is cancelled once, by name; one that is over stays as it is", async () => {
    const job = await server.createJob();
    const cancel = () => server.fetch(`/api/v1/jobs/${job.id}/cancel`, { method: "POST" });
    expect((await cancel()).status).toBe(200);
    await server.moveJob(job.id, { status: "cancelled", reason: "cancelled_by_user", message: "Cancelled by local." });
    expect(await (await cancel()).json()).toMatchObject({ id: job.id, status: "cancelled" });
  });
});

describe("artifacts", () => {
  const bytes = Buffer.from("<script>alert(1)</script> and more than that");
  let url: string;
  let sha256: string;
  let jobId: string;
  beforeAll(async () => {
    jobId = (await server.createJob()).id;
    const artifact = await server.createArtifact(jobId, "page", bytes, 'Übersicht "1"\r\n; x=%00.html');
    url = `/api/v1/artifacts/${artifact.id}`;
    sha256 = artifact.sha256;
  });

  test("are downloaded whole, and never shown or run", async () => {
    const response = await get(url);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
    const header = (name: string) => response.headers.get(name);
    expect(header("content-length")).toBe(String(bytes.length));
    expect(header("content-type")).toBe("application/octet-stream");
    expect(header("x-content-type-options")).toBe("nosniff");
    expect(header("content-security-policy")).toContain("sandbox");
    expect(header("etag")).toBe(`"${sha256}"`);
    expect(header("content-disposition")).toBe(
      "attachment; filename=\"_bersicht _1___; x=_00.html\"; filename*=UTF-8''%C3%9Cbersicht%20%221%22%0D%0A%3B%20x%3D%2500.html",
    );
  });

  test("or in part, or not at all when it is known", async () => {
    const part = await get(url, { range: "bytes=1-6" });
    expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([
      206,
      "script",
      `bytes 1-6/${bytes.length}`,
    ]);
    const stale = await get(url, { range: "bytes=1-6", "if-range": '"other"' });
    expect([stale.status, (await stale.arrayBuffer()).byteLength]).toEqual([200, bytes.length]);
    expect((await get(url, { "if-none-match": `"${sha256}"` })).status).toBe(304);
    const beyond = await get(url, { range: "bytes=1000-" });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, `bytes */${bytes.length}`]);
  });

  test("HEAD tells the length and sends nothing", async () => {
    const response = await server.fetch(url, { method: "HEAD" });
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([
      200,
      String(bytes.length),
      "",
    ]);
  });

  test("one whose file is gone or cut is refused, not sent in part", async () => {
    const { truncate, rm } = await import("node:fs/promises");
    const artifact = await server.createArtifact(jobId, "broken", bytes);
    const file = `${server.dependencies.artifactsDirectory}/${jobId}/${artifact.id}`;
    await truncate(file, 5);
    expect((await get(`/api/v1/artifacts/${artifact.id}`)).status).toBe(500);
    await rm(file);
    expect((await get(`/api/v1/artifacts/${artifact.id}`)).status).toBe(404);
    expect((await get(`/api/v1/artifacts/${newId()}`)).status).toBe(404);
  });

  test("a large one arrives whole", async () => {
    const large = Buffer.alloc(5_000_000, "0123456789abcdef");
    const artifact = await server.createArtifact(jobId, "large", large);
    const response = await get(`/api/v1/artifacts/${artifact.id}`);
    expect(Buffer.from(await response.arrayBuffer()).equals(large)).toBe(true);
  });
});

describe("secrets", () => {
  const set = (body: unknown) =>
    server.fetch("/api/v1/secrets", {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });

  test("are set, named and deleted, never told", async () => {
    expect((await set({ name: "TOKEN", value: "hunter2" })).status).toBe(204);
    expect((await set({ name: "TOKEN", pipelineName: "app", value: "hunter3" })).status).toBe(204);
    const listed = await (await get("/api/v1/secrets")).text();
    expect(JSON.parse(listed)).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ name: "TOKEN", pipelineName: "app" })]),
    });
    expect(listed).not.toContain("hunter");
    const remove = (query: string) => server.fetch(`/api/v1/secrets/TOKEN${query}`, { method: "DELETE" });
    expect([(await remove("?pipelineName=app")).status, (await remove("?pipelineName=app")).status]).toEqual([
      204, 404,
    ]);
    expect((await remove("")).status).toBe(204);
  });

  test("need a name that pipelines can use, and a pipeline that exists; the value is never in the refusal", async () => {
    for (const body of [
      { name: "a b", value: "hunter2" },
      { name: "A", pipelineName: "none", value: "hunter2" },
      { value: "hunter2" },
    ]) {
      const response = await set(body);
      expect([400, 404]).toContain(response.status);
      expect(await response.text()).not.toContain("hunter2");
    }
  });
});

describe("operations", () => {
  test("health is about the process alone; readiness fails with any check", async () => {
    const bad = server.health.register("blueprint_sync", () => ({
      ok: false,
      detail: "pipelines/app.json is not valid.",
    }));
    const good = server.health.register("database", () => ({ ok: true }));
    expect(await json("/health")).toEqual({ status: "ok" });
    const failing = await fetch(`${server.url}/health/ready`);
    expect(failing.status).toBe(503);
    expect(await failing.json()).toEqual({
      status: "failing",
      checks: [
        { name: "blueprint_sync", ok: false, detail: "pipelines/app.json is not valid." },
        { name: "database", ok: true },
      ],
    });
    bad();
    expect((await fetch(`${server.url}/health/ready`)).status).toBe(200);
    good();
  });

  test("metrics need a token, unless the operator opened them", async () => {
    expect((await fetch(`${server.url}/metrics`)).status).toBe(401);
    const response = await get("/metrics");
    expect(response.headers.get("content-type")).toContain("text/plain");
    expect(await response.text()).toContain("danube_sse_clients_active");
    const open = await startTestApi({ openMetrics: true });
    try {
      expect((await fetch(`${open.url}/metrics`)).status).toBe(200);
    } finally {
      await open.stop();
    }
  });

  test("the OpenAPI document describes every route of the API", async () => {
    const document = (await json("/api/v1/openapi.json")) as unknown as {
      openapi: string;
      paths: Record<string, Record<string, { responses: object }>>;
    };
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toContain("/api/v1/jobs/{id}/logs/stream");
    expect(document.paths["/api/v1/pipelines/{name}/trigger"]?.["post"]?.responses).toHaveProperty("202");
    expect(JSON.stringify(document.paths["/api/v1/jobs/{id}"])).toContain("logSizeBytes");
  });

  test("me and the blueprint", async () => {
    expect(await json("/api/v1/me")).toEqual({ subject: "local", admin: true });
    expect(await json("/api/v1/blueprint")).toEqual({ commitSha: "c".repeat(40), syncs: [] });
  });

  test("an error of ours says nothing of its inside, and is logged once with the request's id", async () => {
    const logged: { message: string; fields?: Record<string, unknown> }[] = [];
    const failing = await startTestApi({
      logger: {
        ...server.dependencies.logger,
        error: (message, fields) => void logged.push({ message, fields }),
      },
      queries: {
        ...server.dependencies.queries,
        listPipelines: () => Promise.reject(new Error("SELECT password FROM users")),
        listSecrets: () => Promise.reject(new DanubeError("connection_lost", "The writer does not answer.")),
      },
    });
    try {
      const response = await failing.fetch("/api/v1/pipelines");
      const problem = (await response.json()) as { instance: string };
      expect([response.status, JSON.stringify(problem)]).toEqual([500, expect.not.stringContaining("password")]);
      expect(logged).toHaveLength(1);
      expect(problem.instance).toBe(`urn:uuid:${String(logged[0]?.fields?.["requestId"])}`);
      expect((await failing.fetch("/api/v1/secrets")).status).toBe(503);
    } finally {
      await failing.stop();
    }
  });
});
