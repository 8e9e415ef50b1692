import { TriggerEvent } from "@danube/protocol";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readGithubEvent } from "./github-event.ts";
import { githubExamples } from "../testing/github-examples.ts";
import type { WebhookReading } from "./reading.ts";

const zero = "0".repeat(40);
const a = "a".repeat(40);
const b = "b".repeat(40);
const repository = {
  id: 7,
  full_name: "octo/app",
  html_url: "https://github.com/octo/app",
  clone_url: "https://github.com/octo/app.git",
  ssh_url: "git@github.com:octo/app.git",
  git_url: "git://github.com/octo/app.git",
};
const commit = (id: string, ...modified: string[]) => ({ id, message: "m", added: [], removed: [], modified });
const push = (changes: object = {}) => ({
  ref: "refs/heads/main",
  before: a,
  after: b,
  forced: false,
  deleted: false,
  commits: [commit("c".repeat(40), "src/a.ts"), commit(b, "src/b.ts", "src/a.ts")],
  head_commit: { id: b, message: "Fix it" },
  repository,
  pusher: { name: "mona" },
  sender: { login: "mona" },
  ...changes,
});
const pull = (action: string, changes: { pull_request?: object; [key: string]: unknown } = {}) => {
  const { pull_request, ...rest } = changes;
  return {
    action,
    number: 12,
    pull_request: {
      title: "A change",
      updated_at: "2026-01-01T00:00:00Z",
      head: { ref: "topic", sha: b, repo: repository },
      base: { ref: "main", sha: a, repo: repository },
      ...pull_request,
    },
    repository,
    sender: { login: "mona" },
    ...rest,
  };
};

function accepted(reading: WebhookReading): TriggerEvent {
  if (reading.result === "ignored") throw new Error(`ignored: ${reading.detail}`);
  return TriggerEvent.parse(reading.event);
}
const keyOf = (event: string, payload: unknown) => {
  const reading = readGithubEvent(event, payload);
  return reading.result === "accepted" ? reading.deduplicationKey : undefined;
};

describe("push", () => {
  test("to a branch", () => {
    expect(accepted(readGithubEvent("push", push()))).toEqual({
      type: "push",
      forge: "github",
      repositoryUrls: [repository.clone_url, repository.ssh_url, repository.git_url, repository.html_url],
      ref: "refs/heads/main",
      branch: "main",
      commitSha: b,
      previousSha: a,
      commitMessage: "Fix it",
      actor: "mona",
      changedPaths: ["src/a.ts", "src/b.ts"],
    });
  });

  test("keeps slashes in a branch's name", () => {
    expect(accepted(readGithubEvent("push", push({ ref: "refs/heads/a/b/c" }))).branch).toBe("a/b/c");
  });

  test("of an annotated tag runs on the commit, not on the tag object", () => {
    const payload = push({
      ref: "refs/tags/v1",
      before: zero,
      after: a,
      commits: [],
      head_commit: { id: b, message: "m" },
    });
    const event = accepted(readGithubEvent("push", payload));
    expect(event).toMatchObject({ type: "tag", tag: "v1", ref: "refs/tags/v1", commitSha: b });
    expect(event.branch).toBeUndefined();
    expect(event.previousSha).toBeUndefined();
  });

  test.each([
    ["a deleted branch", push({ after: zero, deleted: true, head_commit: null, commits: [] })],
    ["a deletion that only the zeros tell", push({ after: zero, head_commit: null })],
    ["a SHA-256 deletion", push({ before: "c".repeat(64), after: "0".repeat(64), head_commit: null })],
    ["a ref that is neither branch nor tag", push({ ref: "refs/notes/commits" })],
    ["an empty branch name", push({ ref: "refs/heads/" })],
    ["a ref of 10 kB", push({ ref: `refs/heads/${"x".repeat(10_000)}` })],
    ["an abbreviated commit", push({ after: "abc123" })],
    ["no repository", push({ repository: null })],
  ])("ignores %s", (_name, payload) => {
    expect(readGithubEvent("push", payload).result).toBe("ignored");
  });

  test.each([
    ["a forced push", push({ forced: true })],
    ["a push that does not say whether it was forced", push({ forced: undefined })],
    ["a new branch", push({ before: zero })],
    ["no list of commits", push({ commits: undefined })],
    ["an empty list of commits", push({ commits: [] })],
    ["a list that does not end with the head", push({ commits: [commit(a, "x")] })],
    ["a commit without files, as merges have", push({ commits: [commit(a), commit(b, "x")] })],
    ["a commit whose files are odd", push({ commits: [{ id: b, added: [1], removed: [], modified: [] }] })],
    ["as many commits as a list can hold", push({ commits: [...Array(2_047).fill(commit(a, "x")), commit(b, "x")] })],
    [
      "more paths than are worth keeping",
      push({ commits: [commit(b, ...Array.from({ length: 5_001 }, (_, i) => `f${i}`))] }),
    ],
  ])("does not claim to know the paths of %s", (_name, payload) => {
    expect(accepted(readGithubEvent("push", payload)).changedPaths).toBeUndefined();
  });

  test("a redelivery and a second hook have the same key; another commit, ref, base or repository another", () => {
    const first = keyOf("push", push());
    expect(keyOf("push", push({ sender: { login: "other" }, commits: [] }))).toBe(first);
    const others = [
      push({ after: "c".repeat(40) }),
      push({ before: "c".repeat(40) }),
      push({ ref: "refs/heads/other" }),
      push({ repository: { ...repository, id: 8 } }),
      push({ repository: { ...repository, html_url: "https://github.example.com/octo/app" } }),
    ].map((payload) => keyOf("push", payload));
    expect(new Set([first, ...others]).size).toBe(6);
  });

  test("the same branch pushed to the same commit again, after it went back, is another happening", () => {
    const at = (pushed_at: unknown) => keyOf("push", push({ repository: { ...repository, pushed_at } }));
    expect(at(1_767_225_600)).toBe(at(1_767_225_600));
    expect(at(1_767_225_999)).not.toBe(at(1_767_225_600));
    expect(at({ odd: true })).toBe(keyOf("push", push()));
  });

  test("a renamed repository is known by its new URLs and keeps its key", () => {
    const renamed = { ...repository, full_name: "octo/new", clone_url: "https://github.com/octo/new.git" };
    expect(accepted(readGithubEvent("push", push({ repository: renamed }))).repositoryUrls).toContain(
      renamed.clone_url,
    );
    expect(keyOf("push", push({ repository: renamed }))).toBe(keyOf("push", push()));
  });

  test("takes names and messages as data, whatever they are", () => {
    const nasty = "--upload-pack=x\n\u001b[31m<img src=x onerror=alert(1)>$(id)\u0000\ud800";
    const event = accepted(
      readGithubEvent(
        "push",
        push({ ref: `refs/heads/${nasty}`, head_commit: { id: b, message: nasty.repeat(2_000) } }),
      ),
    );
    expect(event.branch).toBe(nasty.toWellFormed());
    expect(event.commitMessage?.length).toBe(16_384);
    expect(event.commitMessage?.isWellFormed()).toBe(true);
  });
});

describe("pull_request", () => {
  test("within one repository", () => {
    expect(accepted(readGithubEvent("pull_request", pull("opened")))).toEqual({
      type: "pull_request",
      forge: "github",
      repositoryUrls: [repository.clone_url, repository.ssh_url, repository.git_url, repository.html_url],
      ref: "refs/pull/12/head",
      commitSha: b,
      actor: "mona",
      pullRequest: {
        number: 12,
        title: "A change",
        action: "opened",
        headBranch: "topic",
        baseBranch: "main",
        isFork: false,
        headRepository: "octo/app",
      },
    });
  });

  test("has no branch of its own: a fork's `main` must not pass for ours", () => {
    expect(accepted(readGithubEvent("pull_request", pull("opened"))).branch).toBeUndefined();
  });

  const fork = { ...repository, id: 99, full_name: "eve/app" };
  test.each([
    ["of a fork", fork, "eve/app"],
    ["of a fork that was deleted", null, undefined],
    ["of a fork that is odd", 5, undefined],
  ])("%s is a fork's", (_name, repo, headRepository) => {
    const payload = pull("opened", { pull_request: { head: { ref: "main", sha: b, repo } } });
    expect(accepted(readGithubEvent("pull_request", payload)).pullRequest).toMatchObject({ isFork: true });
    expect(accepted(readGithubEvent("pull_request", payload)).pullRequest?.headRepository).toBe(headRepository);
  });

  test.each([
    ["opened", "opened"],
    ["synchronize", "synchronized"],
    ["reopened", "reopened"],
    ["closed", "closed"],
  ])("action %s is %s", (sent, action) => {
    expect(accepted(readGithubEvent("pull_request", pull(sent))).pullRequest?.action).toBe(action);
  });

  test("an edit counts when the base was changed, and only then", () => {
    expect(readGithubEvent("pull_request", pull("edited", { changes: { title: { from: "x" } } })).result).toBe(
      "ignored",
    );
    const retargeted = pull("edited", { changes: { base: { ref: { from: "dev" } } } });
    expect(accepted(readGithubEvent("pull_request", retargeted)).pullRequest?.action).toBe("synchronized");
  });

  test.each(["labeled", "synchronized", "assigned", "__proto__"])("action %s is ignored", (action) => {
    expect(readGithubEvent("pull_request", pull(action)).result).toBe("ignored");
  });

  test("reopening the same commit twice counts twice, redelivering it once", () => {
    const again = pull("reopened", { pull_request: { updated_at: "2026-01-02T00:00:00Z" } });
    expect(keyOf("pull_request", pull("reopened"))).toBe(keyOf("pull_request", pull("reopened")));
    expect(keyOf("pull_request", again)).not.toBe(keyOf("pull_request", pull("reopened")));
    const later = pull("synchronize", { pull_request: { updated_at: "2026-01-02T00:00:00Z" } });
    expect(keyOf("pull_request", later)).toBe(keyOf("pull_request", pull("synchronize")));
  });
});

describe("any event", () => {
  test.each(["ping", "create", "delete", "issues", "", "__proto__", "constructor"])("%s is ignored", (event) => {
    expect(readGithubEvent(event, {}).result).toBe("ignored");
  });

  test("every example of GitHub's is read, and becomes a valid trigger or a reason", () => {
    const counts = { accepted: 0, ignored: 0 };
    for (const { name, payload } of githubExamples()) {
      const reading = readGithubEvent(name, payload);
      counts[reading.result] += 1;
      if (reading.result === "accepted") TriggerEvent.parse(reading.event);
      else expect(reading.detail).not.toBe("");
    }
    expect(counts.accepted).toBeGreaterThanOrEqual(10);
    expect(counts.ignored).toBeGreaterThan(200);
  });

  test("random JSON never throws, and what is accepted is a valid trigger", () => {
    const shapes = fc.constantFrom<unknown>(push(), pull("opened"), pull("closed"));
    fc.assert(
      fc.property(
        fc.constantFrom("push", "pull_request"),
        fc.oneof(fc.jsonValue({ maxDepth: 6 }), mutated(shapes)),
        (event, payload) => {
          const reading = readGithubEvent(event, payload);
          if (reading.result === "accepted") {
            TriggerEvent.parse(reading.event);
            expect(reading.deduplicationKey.length).toBeLessThanOrEqual(500);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** A payload of which some values were replaced by anything else, prototype keys included. */
function mutated(shapes: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constant(JSON.parse('{"__proto__":{"isAdmin":true},"constructor":{"prototype":{}}}')),
    fc.string({ unit: "binary", maxLength: 50 }),
    fc.bigInt().map(String),
  );
  return fc.tuple(shapes, fc.infiniteStream(fc.tuple(fc.nat(9), odd))).map(([shape, stream]) => {
    const change = (value: unknown): unknown => {
      const [dice, replacement] = stream.next().value ?? [9, undefined];
      if (dice === 0) return replacement;
      if (Array.isArray(value)) return value.map(change);
      if (value === null || typeof value !== "object") return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner)]));
    };
    return change(shape);
  });
}
