import { expect, test } from "vitest";
import { formatBlueprintError } from "./blueprint-error.ts";
import { blueprintCases } from "./parse-blueprint.cases.ts";
import { parseBlueprint } from "./parse-blueprint.ts";

test.each(blueprintCases)("refuses $title", ({ files, errors }) => {
  const result = parseBlueprint(toFiles(files));
  expect(result.ok ? [] : result.errors.map(formatBlueprintError)).toEqual(errors);
});

test("a Blueprint with everything in it becomes a configuration, defaults and all", () => {
  const result = parseBlueprint(
    toFiles({
      "config.json": { apiVersion, kind: "Config", spec: { concurrency: { max_jobs: 7 } } },
      "users.json": [{ apiVersion, kind: "User", metadata: { name: "ada" }, spec: { email: "ada@example.com" } }],
      "teams.json": [{ apiVersion, kind: "Team", metadata: { name: "core" }, spec: { members: ["ADA@example.com"] } }],
      "pipelines/web.json": pipeline("web", {}),
      "pipelines/api.json": pipeline("api", {
        triggers: [{ on: "cron", schedule: "@daily" }],
        services: { db: { image: "postgres:18", ready: { tcp: 5432 } } },
        permissions: [{ team: "core", level: "write" }],
      }),
      "pipelines/README.md": "not looked at",
    }),
  );
  expect(result).toMatchObject({
    ok: true,
    configuration: {
      config: { metadata: { name: "config" }, spec: { concurrency: { max_jobs: 7 }, retention: { logs_days: 30 } } },
      users: [{ metadata: { name: "ada" } }],
      teams: [{ metadata: { name: "core" }, spec: { members: ["ADA@example.com"], global_admin: false } }],
      pipelines: [
        { metadata: { name: "api" }, spec: { triggers: [{ on: "cron", schedule: "@daily", timezone: "UTC" }] } },
        {
          metadata: { name: "web" },
          spec: { script: "danubefile.ts", triggers: [{ on: "push" }, { on: "manual" }], fork_policy: "approve" },
        },
      ],
    },
  });
});

test("one pipeline is enough; the rest has defaults", () => {
  const result = parseBlueprint(toFiles({ "pipelines/web.json": `\ufeff${JSON.stringify(pipeline("web", {}))}` }));
  expect(result).toMatchObject({
    ok: true,
    configuration: { config: { spec: { concurrency: { max_jobs: 50 } } }, users: [], teams: [] },
  });
});

test("without users.json nobody can say who the members of a team are", () => {
  const teams = [{ apiVersion, kind: "Team", metadata: { name: "core" }, spec: { members: ["ada@example.com"] } }];
  expect(parseBlueprint(toFiles({ "teams.json": teams })).ok).toBe(true);
});

test("a file with a thousand mistakes tells the first two hundred", () => {
  const spec = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`unknown-${n}`, 1]));
  const result = parseBlueprint(toFiles({ "config.json": { apiVersion, kind: "Config", spec } }));
  expect(result.ok ? [] : result.errors).toHaveLength(201);
  expect(result.ok ? "" : result.errors.at(-1)?.message).toBe("and 800 more errors after these");
});

test("there are at least sixty cases, each with a title of its own", () => {
  expect(new Set(blueprintCases.map(({ title }) => title)).size).toBe(blueprintCases.length);
  expect(blueprintCases.length).toBeGreaterThanOrEqual(60);
});

const apiVersion = "danube.dev/v1";

function pipeline(name: string, spec: object) {
  return {
    apiVersion,
    kind: "Pipeline",
    metadata: { name },
    spec: { repository: "git@github.com:acme/site.git", ...spec },
  };
}

function toFiles(files: Readonly<Record<string, unknown>>): Map<string, Uint8Array> {
  return new Map(
    Object.entries(files).map(([path, content]) => [
      path,
      content instanceof Uint8Array
        ? content
        : Buffer.from(typeof content === "string" ? content : JSON.stringify(content, undefined, 2)),
    ]),
  );
}
