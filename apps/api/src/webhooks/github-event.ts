// From a GitHub delivery to a trigger.
// Source: docs.github.com, "Webhook events and payloads".
import { PullRequestInfo, type TriggerEvent } from "@danube/protocol";
import { z } from "zod";
import {
  completePaths,
  deduplicationKey,
  distinctUrls,
  ForeignText,
  ignored,
  isZeroSha,
  optionally,
  PushedCommit,
  readRef,
  SentSha,
  shortenMessage,
  shortenTitle,
  type WebhookReading,
} from "./reading.ts";

/** A push lists at most this many commits; a list of that length may have been cut. */
const mostListedCommits = 2_048;

const Repository = z.object({
  id: optionally(z.number().int()),
  full_name: ForeignText,
  html_url: optionally(ForeignText),
  clone_url: optionally(ForeignText),
  ssh_url: optionally(ForeignText),
  git_url: optionally(ForeignText),
});
type Repository = z.infer<typeof Repository>;

const Sender = optionally(z.object({ login: ForeignText }));

const PushPayload = z.object({
  ref: ForeignText,
  before: SentSha,
  after: SentSha,
  forced: optionally(z.boolean()),
  deleted: optionally(z.boolean()),
  commits: optionally(z.array(PushedCommit)),
  head_commit: optionally(z.object({ id: SentSha, message: optionally(ForeignText) })),
  /** `pushed_at`: when this push was made, the same in each delivery of it. */
  repository: Repository.extend({ pushed_at: optionally(z.union([z.number(), z.string()])) }),
  pusher: optionally(z.object({ name: ForeignText })),
  sender: Sender,
});

/** `repo` is null when the fork has been deleted. */
const Side = z.object({ ref: ForeignText, sha: SentSha, repo: Repository.nullable().catch(null) });

const PullRequestPayload = z.object({
  action: z.string(),
  number: z.number().int().positive(),
  pull_request: z.object({
    title: optionally(ForeignText),
    updated_at: optionally(z.string()),
    head: Side,
    base: Side,
  }),
  changes: optionally(z.object({ base: z.looseObject({}).optional() })),
  repository: Repository,
  sender: Sender,
});

/** Reads an authentic delivery. Never throws, whatever `payload` is. */
export function readGithubEvent(event: string, payload: unknown): WebhookReading {
  switch (event) {
    case "push":
      return readPush(payload);
    case "pull_request":
      return readPullRequest(payload);
    case "ping":
      return ignored("GitHub's ping: the webhook works.");
    case "create":
    case "delete":
      return ignored(`A "push" event tells the same as "${event}", with the commit.`);
    default:
      return ignored(`Danube does nothing on ${JSON.stringify(event.slice(0, 100))} events.`);
  }
}

function readPush(payload: unknown): WebhookReading {
  const parsed = PushPayload.safeParse(payload);
  if (!parsed.success) return ignored(unlike("push", parsed.error));
  const push = parsed.data;
  const ref = readRef(push.ref);
  if (ref.kind === "other") return ignored(ref.detail);
  if (push.deleted === true || isZeroSha(push.after)) return ignored(`The ${ref.kind} was deleted.`);
  // The `after` of an annotated tag is the tag object; head_commit is the commit it points to.
  const commitSha = ref.kind === "tag" ? (push.head_commit?.id ?? push.after) : push.after;
  const created = isZeroSha(push.before);
  // A new branch or a rewritten one lists commits that are not what changed between two heads.
  const listIsDifference = ref.kind === "branch" && !created && push.forced === false;
  const commits = push.commits ?? [];
  const event: TriggerEvent = {
    type: ref.kind === "tag" ? "tag" : "push",
    forge: "github",
    repositoryUrls: urlsOf(push.repository),
    ref: push.ref,
    ...(ref.kind === "tag" ? { tag: ref.name } : { branch: ref.name }),
    commitSha,
    previousSha: created ? undefined : push.before,
    commitMessage: shortenMessage(push.head_commit?.message),
    actor: push.sender?.login ?? push.pusher?.name,
    changedPaths:
      listIsDifference && commits.length < mostListedCommits ? completePaths(commits, push.after) : undefined,
  };
  // A branch may be pushed forth, back and forth again: the third push is not the first one, although it looks alike.
  const key = deduplicationKey("github", "push", [
    identityOf(push.repository),
    push.ref,
    push.before,
    push.after,
    push.repository.pushed_at ?? "",
  ]);
  return { result: "accepted", event, deduplicationKey: key };
}

function readPullRequest(payload: unknown): WebhookReading {
  const parsed = PullRequestPayload.safeParse(payload);
  if (!parsed.success) return ignored(unlike("pull_request", parsed.error));
  const { action: sentAction, number, pull_request: request, changes, repository, sender } = parsed.data;
  const action = readAction(sentAction, changes?.base !== undefined);
  if (action === undefined)
    return ignored(`Danube does nothing on a pull request's action "${sentAction.slice(0, 100)}".`);
  if (
    readRef(`refs/heads/${request.head.ref}`).kind === "other" ||
    readRef(`refs/heads/${request.base.ref}`).kind === "other"
  )
    return ignored("The pull request's branches are not ones that Git can have.");
  const head = request.head.repo;
  const event: TriggerEvent = {
    type: "pull_request",
    forge: "github",
    repositoryUrls: urlsOf(repository),
    ref: `refs/pull/${number}/head`,
    commitSha: request.head.sha,
    actor: sender?.login,
    pullRequest: {
      number,
      title: shortenTitle(request.title ?? ""),
      action,
      headBranch: request.head.ref,
      baseBranch: request.base.ref,
      // Of a deleted fork nothing is known; then it is treated as one.
      isFork: head === null || identityOf(head) !== identityOf(repository),
      headRepository: head?.full_name,
    },
  };
  // The same commit may be closed and reopened many times, and each counts; updated_at is the same in a redelivery.
  const occasion = action === "closed" || action === "reopened" ? (request.updated_at ?? "") : "";
  const key = deduplicationKey("github", "pull_request", [
    identityOf(repository),
    number,
    request.base.ref,
    request.head.sha,
    action,
    occasion,
  ]);
  return { result: "accepted", event, deduplicationKey: key };
}

/** A retargeted pull request is a changed one; other edits (of title and text) are not. */
function readAction(action: string, baseChanged: boolean): PullRequestInfo["action"] | undefined {
  if (action === "synchronize") return "synchronized";
  if (action === "edited") return baseChanged ? "synchronized" : undefined;
  const known = PullRequestInfo.shape.action.safeParse(action);
  return known.success && known.data !== "synchronized" ? known.data : undefined;
}

function urlsOf(repository: Repository): string[] {
  return distinctUrls([repository.clone_url, repository.ssh_url, repository.git_url, repository.html_url]);
}

/** The id survives a renaming, but is only unique within one GitHub server. */
function identityOf(repository: Repository): string {
  const url = repository.html_url ?? repository.clone_url;
  const host = url !== undefined && URL.canParse(url) ? new URL(url).host : "";
  return `${host}#${repository.id ?? repository.full_name}`;
}

function unlike(event: string, error: z.ZodError): string {
  const places = error.issues.slice(0, 5).map((issue) => issue.path.join(".") || "the whole");
  return `The payload is not that of a ${event} event: look at ${places.join(", ")}.`;
}
