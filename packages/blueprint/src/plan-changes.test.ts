import { BlueprintConfiguration } from "@danube/protocol";
import { expect, test } from "vitest";
import { formatPlan } from "./format-plan.ts";
import { planChanges } from "./plan-changes.ts";

const apiVersion = "danube.dev/v1";
const hashes = [`$2b$10$${"a".repeat(53)}`, `$2b$10$${"b".repeat(53)}`] as const;

interface Parts {
  readonly maxJobs?: number;
  readonly users?: Record<string, object>;
  readonly teams?: Record<string, object>;
  readonly pipelines?: Record<string, object>;
}

function configuration({ maxJobs = 50, users = {}, teams = {}, pipelines = {} }: Parts) {
  const documents = (kind: string, specs: Record<string, object>) =>
    Object.entries(specs).map(([name, spec]) => ({ apiVersion, kind, metadata: { name }, spec }));
  return BlueprintConfiguration.parse({
    config: { apiVersion, kind: "Config", spec: { concurrency: { max_jobs: maxJobs } } },
    users: documents("User", users),
    teams: documents("Team", teams),
    pipelines: documents("Pipeline", pipelines),
  });
}

const repository = "https://github.com/acme/site";

test.each<[string, Parts | undefined, Parts, string]>([
  ["nothing when nothing differs", { pipelines: { a: { repository } } }, { pipelines: { a: { repository } } }, ""],
  [
    "nothing for a default that is written out",
    { pipelines: { a: { repository } } },
    { pipelines: { a: { repository, warm: 0 } } },
    "",
  ],
  [
    "everything of a first configuration",
    undefined,
    {
      users: { ada: { email: "ada@example.com" } },
      teams: { core: {} },
      pipelines: { b: { repository }, a: { repository } },
    },
    "+ config config\n+ user ada\n+ team core\n+ pipeline a\n+ pipeline b",
  ],
  [
    "what is gone",
    { users: { ada: { email: "ada@example.com" } }, pipelines: { a: { repository } } },
    {},
    "- user ada\n- pipeline a",
  ],
  [
    "one field of the configuration",
    { maxJobs: 5 },
    { maxJobs: 7 },
    "~ config config\n    /spec/concurrency/max_jobs: 5 → 7",
  ],
  [
    "each field of a pipeline",
    { pipelines: { a: { repository, branch_filter: ["main"], worker: { env: { OLD: "1", "a/b": "x" } } } } },
    {
      pipelines: {
        a: { repository, branch_filter: ["main", "dev"], worker: { env: { NEW: "2", "a/b": "y" } }, warm: 1 },
      },
    },
    [
      "~ pipeline a",
      '    /spec/branch_filter: ["main"] → ["main","dev"]',
      "    /spec/warm: 0 → 1",
      '    /spec/worker/env/NEW: (not set) → "2"',
      '    /spec/worker/env/OLD: "1" → (not set)',
      '    /spec/worker/env/a~1b: "x" → "y"',
    ].join("\n"),
  ],
  [
    "a list of objects place by place",
    { pipelines: { a: { repository, triggers: [{ on: "push" }, { on: "tag" }] } } },
    { pipelines: { a: { repository, triggers: [{ on: "push", branches: ["main"] }] } } },
    [
      "~ pipeline a",
      '    /spec/triggers/0/branches: (not set) → ["main"]',
      '    /spec/triggers/1: {"on":"tag"} → (not set)',
    ].join("\n"),
  ],
  [
    "a list that loses all its objects",
    { pipelines: { a: { repository, triggers: [{ on: "tag" }] } } },
    { pipelines: { a: { repository, triggers: [] } } },
    '~ pipeline a\n    /spec/triggers/0: {"on":"tag"} → (not set)',
  ],
  [
    "that a password changed, but not which",
    { users: { ada: { email: "ada@example.com", password_hash: hashes[0] } } },
    { users: { ada: { email: "ada@example.com", password_hash: hashes[1] } } },
    "~ user ada\n    /spec/password_hash: (hidden) → (hidden)",
  ],
  [
    "that a password was set",
    { users: { ada: { email: "ada@example.com" } } },
    { users: { ada: { email: "ada@example.com", password_hash: hashes[1] } } },
    "~ user ada\n    /spec/password_hash: (not set) → (hidden)",
  ],
  [
    "members by address, whatever their order was",
    { teams: { core: { members: ["a@example.com"] } } },
    { teams: { core: { members: ["b@example.com", "a@example.com"], global_admin: true } } },
    '~ team core\n    /spec/global_admin: false → true\n    /spec/members: ["a@example.com"] → ["b@example.com","a@example.com"]',
  ],
  [
    "values without their control characters, and not for ever",
    { pipelines: { a: { repository, worker: { env: { A: "\u001b[31m\n" } } } } },
    { pipelines: { a: { repository, worker: { env: { A: "x".repeat(1_000) } } } } },
    `~ pipeline a\n    /spec/worker/env/A: "\\u001b[31m\\n" → "${"x".repeat(199)}…`,
  ],
])("tells %s", (_title, before, after, plan) => {
  expect(formatPlan(planChanges(before && configuration(before), configuration(after)))).toBe(plan);
});

test("an object key called like a property of every object is a key like any other", () => {
  const before = configuration({ pipelines: { a: { repository } } });
  const after = configuration({ pipelines: { a: { repository, worker: { env: { constructor: "1" } } } } });
  expect(planChanges(before, after)).toEqual([
    {
      action: "changed",
      kind: "Pipeline",
      name: "a",
      fields: [{ pointer: "/spec/worker/env/constructor", after: "1" }],
    },
  ]);
});
