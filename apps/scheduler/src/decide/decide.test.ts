import { type Job, Trigger, type TriggerEvent } from "@danube/protocol";
import { newId } from "@danube/kit";
import { expect, test } from "vitest";
import { configurationOf } from "../testing/configuration.ts";
import type { ActiveJob, ActiveJobs } from "./active-jobs.ts";
import { decide, type Decision } from "./decide.ts";

const sha = "a".repeat(40);
const otherSha = "b".repeat(40);
const triggerId = newId();

function event(fields: Partial<TriggerEvent>): TriggerEvent {
  return { type: "push", forge: "github", repositoryUrls: ["https://git.test/acme/site"], ...fields };
}
const push = (fields: Partial<TriggerEvent> = {}) =>
  event({ ref: "refs/heads/main", branch: "main", commitSha: sha, actor: "ada", ...fields });
const tag = (fields: Partial<TriggerEvent> = {}) =>
  event({ type: "tag", ref: "refs/tags/v1.0", tag: "v1.0", commitSha: sha, ...fields });
const pullRequest = (
  info: Partial<TriggerEvent["pullRequest"]> = {},
  fields: Partial<TriggerEvent> = {},
): TriggerEvent =>
  event({
    type: "pull_request",
    ref: "refs/pull/7/head",
    branch: "topic",
    commitSha: sha,
    pullRequest: {
      number: 7,
      title: "A change",
      action: "opened",
      headBranch: "topic",
      baseBranch: "main",
      isFork: false,
      ...info,
    },
    ...fields,
  });
const manual = (fields: Partial<TriggerEvent> = {}) =>
  event({ type: "manual", forge: "danube", repositoryUrls: [], pipelineName: "site", ...fields });

function decideWith(
  pipelines: Record<string, object>,
  event: TriggerEvent,
  { active = [], parentJob }: { active?: readonly ActiveJob[]; parentJob?: Job } = {},
): Decision {
  const trigger = Trigger.parse({
    id: triggerId,
    event,
    deduplicationKey: "key",
    status: "received",
    receivedAt: "2026-01-01T00:00:00.000Z",
  });
  const activeJobs: ActiveJobs = {
    ofRef: (pipelineId, ref) => active.filter((job) => job.pipelineId === pipelineId && job.trigger.ref === ref),
    ofPipeline: (pipelineId) => active.filter((job) => job.pipelineId === pipelineId),
  };
  let count = 0;
  return decide({
    trigger,
    configuration: configurationOf(pipelines),
    activeJobs,
    parentJob,
    newId: () => `job-${++count}`,
  });
}

const site = { repository: "https://git.test/acme/site" };
const withTriggers = (...triggers: object[]) => ({ site: { ...site, triggers } });

test.each<[string, Record<string, object>, TriggerEvent, string]>([
  // Repositories
  ["the repository", { site }, push(), "A job for site."],
  ["another address of it", { site: { repository: "git@git.test:acme/site.git" } }, push(), "A job for site."],
  ["another repository", { api: {} }, push(), 'No pipeline has the repository "https://git.test/acme/site".'],
  ["no address at all", { site }, push({ repositoryUrls: [] }), 'No pipeline has the repository "".'],
  [
    "several pipelines of it",
    { a: site, b: { ...site, triggers: [{ on: "tag" }] }, c: site },
    push(),
    "Jobs for a, c. None for b: it has no push trigger.",
  ],
  // Branches
  ["a branch that passes", withTriggers({ on: "push", branches: ["main"] }), push(), "A job for site."],
  [
    "a branch that does not",
    withTriggers({ on: "push", branches: ["release/**"] }),
    push(),
    'None for site: its branches do not take "main".',
  ],
  [
    "an excluded branch",
    withTriggers({ on: "push", branches: ["**", "!ma*"] }),
    push(),
    'None for site: its branches do not take "main".',
  ],
  [
    "one of two triggers is enough",
    withTriggers({ on: "push", branches: ["dev"] }, { on: "push", branches: ["main"] }),
    push(),
    "A job for site.",
  ],
  [
    "the branch_filter above the trigger",
    { site: { ...site, branch_filter: ["release/*"] } },
    push(),
    'None for site: its branch_filter does not take the branch "main".',
  ],
  [
    "a branch told by its ref alone",
    withTriggers({ on: "push", branches: ["main"] }),
    push({ branch: undefined }),
    "A job for site.",
  ],
  [
    "a branch with a name made to hurt",
    withTriggers({ on: "push", branches: ["main"] }),
    push({ branch: 'x"\n\u001b[31m', ref: undefined }),
    'None for site: its branches do not take "x\\"\\n\\u001b[31m".',
  ],
  ["a deleted branch", { site }, push({ commitSha: undefined }), "The branch was deleted; there is nothing to run."],
  [
    "a deleted branch, in GitHub's words",
    { site },
    push({ commitSha: "0".repeat(40) }),
    "The branch was deleted; there is nothing to run.",
  ],
  // Paths
  [
    "a path that passes",
    withTriggers({ on: "push", paths: ["src/**"] }),
    push({ changedPaths: ["docs/a", "src/b/c"] }),
    "A job for site.",
  ],
  [
    "no path that passes",
    withTriggers({ on: "push", paths: ["src/**", "!src/gen/**"] }),
    push({ changedPaths: ["docs/a", "src/gen/b"] }),
    "None for site: none of the changed paths is among its paths.",
  ],
  ["paths that are not known", withTriggers({ on: "push", paths: ["src/**"] }), push(), "A job for site."],
  [
    "no changed path",
    withTriggers({ on: "push", paths: ["src/**"] }),
    push({ changedPaths: [] }),
    "None for site: none of the changed paths is among its paths.",
  ],
  ["no filter for paths", { site }, push({ changedPaths: [] }), "A job for site."],
  // Skipping
  ["[skip ci]", { site }, push({ commitMessage: "Typo [skip ci]" }), "The commit message asks to skip CI."],
  ["[CI SKIP]", { site }, push({ commitMessage: "[CI SKIP] typo" }), "The commit message asks to skip CI."],
  ["skip ci without brackets", { site }, push({ commitMessage: "don't skip ci" }), "A job for site."],
  [
    "[skip ci] in a pull request",
    withTriggers({ on: "pull_request" }),
    pullRequest({}, { commitMessage: "[skip ci]" }),
    "The commit message asks to skip CI.",
  ],
  [
    "[skip ci] under a tag",
    withTriggers({ on: "tag" }),
    tag({ commitMessage: "Release [skip ci]" }),
    "A job for site.",
  ],
  // Tags
  ["a tag", withTriggers({ on: "tag" }), tag(), "A job for site."],
  ["a tag that passes", withTriggers({ on: "tag", tags: ["v*"] }), tag(), "A job for site."],
  [
    "a tag that does not",
    withTriggers({ on: "tag", tags: ["release-*"] }),
    tag(),
    'None for site: its tags do not take "v1.0".',
  ],
  [
    "a tag, whatever branch_filter says",
    { site: { ...site, branch_filter: ["release/*"], triggers: [{ on: "tag" }] } },
    tag(),
    "A job for site.",
  ],
  ["a tag for a pipeline of pushes", withTriggers({ on: "push" }), tag(), "None for site: it has no tag trigger."],
  ["a push for a pipeline of tags", withTriggers({ on: "tag" }), push(), "None for site: it has no push trigger."],
  [
    "a deleted tag",
    withTriggers({ on: "tag" }),
    tag({ commitSha: undefined }),
    "The tag was deleted; there is nothing to run.",
  ],
  // Pull requests
  ["a pull request", withTriggers({ on: "pull_request" }), pullRequest(), "A job for site."],
  [
    "one that goes on",
    withTriggers({ on: "pull_request" }),
    pullRequest({ action: "synchronized" }),
    "A job for site.",
  ],
  [
    "one into a branch that passes",
    withTriggers({ on: "pull_request", branches: ["main"] }),
    pullRequest(),
    "A job for site.",
  ],
  [
    "one into a branch that does not, whatever its own is called",
    withTriggers({ on: "pull_request", branches: ["topic"] }),
    pullRequest(),
    'None for site: its branches do not take "main".',
  ],
  ["one for a pipeline of pushes", { site }, pullRequest(), "None for site: it has no pull_request trigger."],
  [
    "one that does not say what it is about",
    withTriggers({ on: "pull_request" }),
    event({ type: "pull_request", commitSha: sha }),
    "The event does not say which pull request it is about.",
  ],
  [
    "one that closes without active jobs",
    withTriggers({ on: "pull_request" }),
    pullRequest({ action: "closed" }),
    "Pull request #7 was closed; none of its jobs is active.",
  ],
  // Forks
  [
    "a fork, to be approved",
    withTriggers({ on: "pull_request" }),
    pullRequest({ isFork: true }),
    "None for site: the change comes from a fork and waits for approval, as its fork_policy says.",
  ],
  [
    "a fork, never",
    { site: { ...site, triggers: [{ on: "pull_request" }], fork_policy: "none" } },
    pullRequest({ isFork: true }),
    "None for site: the change comes from a fork, and its fork_policy is none.",
  ],
  [
    "a fork, without secrets",
    { site: { ...site, triggers: [{ on: "pull_request" }], fork_policy: "run_without_secrets" } },
    pullRequest({ isFork: true }),
    "None for site: the change comes from a fork, and fork_policy run_without_secrets is not supported, so it counts as none.",
  ],
  [
    "a fork under another label",
    { site },
    push({ pullRequest: pullRequest({ isFork: true }).pullRequest }),
    "None for site: the change comes from a fork and waits for approval, as its fork_policy says.",
  ],
  // By name
  ["manual", { site }, manual(), "A job for site."],
  ["manual, of no such pipeline", { api: {} }, manual(), 'There is no pipeline "site".'],
  ["manual, of none", { site }, manual({ pipelineName: undefined }), 'There is no pipeline "".'],
  [
    "manual, where it is not wanted",
    withTriggers({ on: "push" }),
    manual(),
    "None for site: it has no manual trigger.",
  ],
  [
    "manual, of a branch that is not allowed",
    { site: { ...site, branch_filter: ["main"] } },
    manual({ branch: "dev" }),
    'None for site: its branch_filter does not take the branch "dev".',
  ],
  ["manual, of the default branch", { site: { ...site, branch_filter: ["main"] } }, manual(), "A job for site."],
  [
    "manual, with a bad parameter",
    { site: { ...site, params: { count: { type: "number" } } } },
    manual({ params: { count: "many" } }),
    'None for site: the parameter "count" must be a number, not "many".',
  ],
  ["cron", withTriggers({ on: "cron", schedule: "@daily" }), manual({ type: "cron" }), "A job for site."],
  ["a rerun of nothing", { site }, manual({ type: "rerun" }), "The job that is to run again does not exist."],
])("%s", (_title, pipelines, event, outcome) => {
  const decision = decideWith(pipelines, event);
  expect(decision.outcome).toBe(outcome);
  expect(decision.jobs.length > 0).toBe(outcome.startsWith("A job") || outcome.startsWith("Jobs"));
});

test("a job carries what is known of its trigger", () => {
  const { jobs } = decideWith(
    {
      site: {
        ...site,
        params: { level: { type: "enum", values: ["a", "b"], default: "b" }, name: { type: "string" } },
      },
    },
    push({ commitMessage: "Fix" }),
  );
  expect(jobs).toEqual([
    {
      id: "job-1",
      pipelineId: "id-site",
      trigger: {
        type: "push",
        triggerId,
        ref: "refs/heads/main",
        branch: "main",
        tag: undefined,
        commitSha: sha,
        commitMessage: "Fix",
        actor: "ada",
        pullRequest: undefined,
      },
      params: { level: "b" },
      attempt: 1,
      parentJobId: undefined,
      supersedes: [],
    },
  ]);
});

test("a manual job has its parameters and, of a branch without a commit, its ref", () => {
  const pipelines = {
    site: { ...site, params: { count: { type: "number" }, dry: { type: "boolean", default: true } } },
  };
  const { jobs } = decideWith(pipelines, manual({ branch: "dev", params: { count: "3" } }));
  expect(jobs).toMatchObject([{ params: { count: 3, dry: true }, trigger: { ref: "refs/heads/dev" } }]);
  expect(jobs[0]?.trigger.commitSha).toBeUndefined();
});

const activeJob = (id: string, trigger: Partial<ActiveJob["trigger"]> = {}): ActiveJob => ({
  id,
  pipelineId: "id-site",
  trigger: { type: "push", ref: "refs/heads/main", commitSha: sha, ...trigger },
});

test.each<[string, ActiveJob, TriggerEvent, boolean]>([
  ["the same ref and commit", activeJob("old"), push(), true],
  ["another commit", activeJob("old", { commitSha: otherSha }), push(), false],
  ["another ref", activeJob("old", { ref: "refs/heads/dev" }), push(), false],
  ["a manual job of the same commit", activeJob("old", { type: "manual" }), push(), false],
  ["a manual trigger", activeJob("old"), manual({ branch: "main", commitSha: sha }), false],
  ["another pipeline", { ...activeJob("old"), pipelineId: "id-other" }, push(), false],
])("a job that is active already makes a second one superfluous, or not: %s", (_title, active, event, isDouble) => {
  const { jobs, outcome } = decideWith({ site }, event, { active: [active] });
  expect(jobs).toHaveLength(isDouble ? 0 : 1);
  if (isDouble) expect(outcome).toBe("None for site: a job for this commit of this ref is active already.");
});

test.each<[string, object, TriggerEvent, string[]]>([
  ["a newer push", { cancel_superseded: true }, push({ commitSha: otherSha }), ["old", "older"]],
  ["without being asked to", {}, push({ commitSha: otherSha }), []],
  ["a push to another branch", { cancel_superseded: true }, push({ ref: "refs/heads/dev", branch: "dev" }), []],
  ["a manual run", { cancel_superseded: true }, manual({ branch: "main" }), []],
])("superseding: %s", (_title, concurrency, event, supersedes) => {
  const active = [activeJob("old"), activeJob("older"), activeJob("by hand", { type: "manual" })];
  const { jobs } = decideWith({ site: { ...site, concurrency } }, event, { active });
  expect(jobs[0]?.supersedes).toEqual(supersedes);
});

test("a pull request that closes cancels its active jobs in every pipeline of the repository, and no others", () => {
  const ofPullRequest = (id: string, number: number, pipelineId = "id-site"): ActiveJob => ({
    ...activeJob(id, { type: "pull_request", pullRequest: { ...pullRequest().pullRequest!, number } }),
    pipelineId,
  });
  const active = [ofPullRequest("a", 7), ofPullRequest("b", 8), ofPullRequest("c", 7, "id-lint"), activeJob("d")];
  const decision = decideWith({ site, lint: { ...site, triggers: [] } }, pullRequest({ action: "closed" }), { active });
  expect(decision).toEqual({
    jobs: [],
    cancels: [
      { jobId: "a", message: "Pull request #7 was closed." },
      { jobId: "c", message: "Pull request #7 was closed." },
    ],
    outcome: "Pull request #7 was closed; its active jobs are cancelled: 2.",
  });
});

const parentJob: Job = {
  id: newId(),
  pipelineId: "id-site",
  pipelineName: "site",
  number: 4,
  status: "failure",
  reason: "step_failed",
  trigger: { type: "push", triggerId: newId(), ref: "refs/heads/main", branch: "main", commitSha: sha, actor: "bob" },
  params: { level: "x" },
  attempt: 2,
  version: 5,
  createdAt: "2026-01-01T00:00:00.000Z",
};

test("a rerun is the next attempt of its job: same commit, same parameters, another actor", () => {
  const { jobs, outcome } = decideWith(
    { site: { ...site, triggers: [{ on: "push" }] } },
    manual({ type: "rerun", parentJobId: parentJob.id, actor: "ada" }),
    { parentJob, active: [activeJob("same commit")] },
  );
  expect(outcome).toBe("A job for site.");
  expect(jobs).toEqual([
    {
      id: "job-1",
      pipelineId: "id-site",
      trigger: { type: "rerun", triggerId, ref: "refs/heads/main", branch: "main", commitSha: sha, actor: "ada" },
      params: { level: "x" },
      attempt: 3,
      parentJobId: parentJob.id,
      supersedes: [],
    },
  ]);
});

test("a rerun does not get a fork's change past its policy", () => {
  const forked = {
    ...parentJob,
    trigger: { ...parentJob.trigger, pullRequest: pullRequest({ isFork: true }).pullRequest },
  };
  const decision = decideWith({ site }, manual({ type: "rerun" }), { parentJob: forked });
  expect(decision.jobs).toEqual([]);
  expect(decision.outcome).toContain("comes from a fork");
});
