import { TriggerEvent } from "@danube/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readGitlabEvent } from "./gitlab-event.ts";
import type { WebhookReading } from "./reading.ts";

const zero = "0".repeat(40);
const a = "a".repeat(40);
const b = "b".repeat(40);
const project = {
  id: 15,
  path_with_namespace: "group/app",
  web_url: "https://gitlab.example.com/group/app",
  git_http_url: "https://gitlab.example.com/group/app.git",
  git_ssh_url: "git@gitlab.example.com:group/app.git",
};
const commit = (id: string, ...modified: string[]) => ({
  id,
  message: `message of ${id[0]}`,
  added: [],
  removed: [],
  modified,
});
const push = (changes: object = {}) => ({
  object_kind: "push",
  event_name: "push",
  ref: "refs/heads/main",
  before: a,
  after: b,
  checkout_sha: b,
  user_username: "mona",
  project,
  commits: [commit(b, "src/a.ts")],
  total_commits_count: 1,
  ...changes,
});
const merge = (attributes: object = {}, changes: object = {}) => ({
  object_kind: "merge_request",
  user: { username: "mona" },
  project,
  object_attributes: {
    iid: 3,
    action: "open",
    title: "A change",
    source_branch: "topic",
    target_branch: "main",
    source_project_id: 15,
    target_project_id: 15,
    updated_at: "2026-01-01 00:00:00 UTC",
    last_commit: { id: b, message: "Fix it" },
    source: { path_with_namespace: "group/app" },
    ...attributes,
  },
  ...changes,
});

function accepted(reading: WebhookReading): TriggerEvent {
  if (reading.result === "ignored") throw new Error(`ignored: ${reading.detail}`);
  return TriggerEvent.parse(reading.event);
}
const keyOf = (payload: unknown, occasion?: string) => {
  const reading = readGitlabEvent(payload, occasion);
  return reading.result === "accepted" ? reading.deduplicationKey : undefined;
};

describe("push", () => {
  test("to a branch", () => {
    expect(accepted(readGitlabEvent(push()))).toEqual({
      type: "push",
      forge: "gitlab",
      repositoryUrls: [project.git_http_url, project.git_ssh_url, project.web_url],
      ref: "refs/heads/main",
      branch: "main",
      commitSha: b,
      previousSha: a,
      commitMessage: "message of b",
      actor: "mona",
      changedPaths: ["src/a.ts"],
    });
  });

  test("the same branch pushed to the same commit again, after it went back, is another happening", () => {
    expect(keyOf(push(), "one")).toBe(keyOf(push(), "one"));
    expect(keyOf(push(), "two")).not.toBe(keyOf(push(), "one"));
    expect(keyOf(push())).toBe(keyOf(push()));
  });

  test("of an annotated tag runs on the commit, not on the tag object", () => {
    const payload = push({ object_kind: "tag_push", ref: "refs/tags/v1", before: zero, after: a, checkout_sha: b });
    expect(accepted(readGitlabEvent(payload))).toMatchObject({ type: "tag", tag: "v1", commitSha: b });
  });

  test("a system hook's, which has only an event_name", () => {
    expect(accepted(readGitlabEvent(push({ object_kind: undefined }))).type).toBe("push");
  });

  test.each([
    ["a deleted branch", push({ after: zero, checkout_sha: null, commits: [] })],
    ["a deleted tag", push({ object_kind: "tag_push", ref: "refs/tags/v1", after: zero, checkout_sha: null })],
    ["another ref", push({ ref: "refs/keep-around/x" })],
    ["another kind", { object_kind: "pipeline" }],
    ["a system hook's repository_update", { event_name: "repository_update" }],
    ["nothing", null],
    ["an array", []],
    ["a kind that is no text", { object_kind: { toString: "x" } }],
  ])("ignores %s", (_name, payload) => {
    expect(readGitlabEvent(payload).result).toBe("ignored");
  });

  test.each([
    ["a list that was cut", push({ total_commits_count: 21 })],
    ["a list of unknown length", push({ total_commits_count: undefined })],
    ["a new branch", push({ before: zero })],
    ["a list that does not end with the head", push({ commits: [commit(a, "x")] })],
  ])("does not claim to know the paths of %s", (_name, payload) => {
    expect(accepted(readGitlabEvent(payload)).changedPaths).toBeUndefined();
  });
});

describe("merge_request", () => {
  test("within one project", () => {
    expect(accepted(readGitlabEvent(merge()))).toEqual({
      type: "pull_request",
      forge: "gitlab",
      repositoryUrls: [project.git_http_url, project.git_ssh_url, project.web_url],
      ref: "refs/merge-requests/3/head",
      commitSha: b,
      commitMessage: "Fix it",
      actor: "mona",
      pullRequest: {
        number: 3,
        title: "A change",
        action: "opened",
        headBranch: "topic",
        baseBranch: "main",
        isFork: false,
        headRepository: "group/app",
      },
    });
  });

  test.each([
    ["another project", { source_project_id: 16 }],
    ["a deleted project", { source_project_id: null }],
    ["no project at all", { source_project_id: undefined, target_project_id: undefined }],
  ])("from %s is a fork's", (_name, attributes) => {
    expect(accepted(readGitlabEvent(merge(attributes))).pullRequest?.isFork).toBe(true);
  });

  test.each([
    [{ action: "open" }, {}, "opened"],
    [{ action: "reopen" }, {}, "reopened"],
    [{ action: "close" }, {}, "closed"],
    [{ action: "merge" }, {}, "closed"],
    [{ action: "update", oldrev: a }, {}, "synchronized"],
    [{ action: "update" }, { changes: { target_branch: { previous: "dev", current: "main" } } }, "synchronized"],
  ])("%o is an action of ours", (attributes, changes, action) => {
    expect(accepted(readGitlabEvent(merge(attributes, changes))).pullRequest?.action).toBe(action);
  });

  test.each([{ action: "update" }, { action: "approved" }, { action: undefined }, { action: 5 }])(
    "%o is ignored",
    (attributes) => {
      expect(readGitlabEvent(merge(attributes)).result).toBe("ignored");
    },
  );

  test("closing twice counts twice, the same closing once", () => {
    const close = merge({ action: "close" });
    expect(keyOf(close)).toBe(keyOf(merge({ action: "close" })));
    expect(keyOf(merge({ action: "close", updated_at: "2026-01-02 00:00:00 UTC" }))).not.toBe(keyOf(close));
  });
});

test("random JSON never throws, and what is accepted is a valid trigger", () => {
  const kinds = fc.constantFrom("push", "tag_push", "merge_request");
  const withKind = fc
    .tuple(kinds, fc.dictionary(fc.string(), fc.jsonValue()))
    .map(([object_kind, rest]) => ({ ...rest, object_kind }));
  const swapped = fc
    .tuple(fc.constantFrom<Record<string, unknown>>(push(), merge()), fc.nat(12), fc.jsonValue({ maxDepth: 4 }))
    .map(([payload, at, value]) => {
      const keys = Object.keys(payload);
      return { ...payload, [keys[at % keys.length] as string]: value };
    });
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue({ maxDepth: 6 }), withKind, swapped), (payload) => {
      const reading = readGitlabEvent(payload);
      if (reading.result === "accepted") TriggerEvent.parse(reading.event);
    }),
    { numRuns: 1_000 },
  );
});
