// From a GitLab delivery to a trigger.
// Source: docs.gitlab.com, "Webhook events".
import type { PullRequestInfo, TriggerEvent } from "@danube/protocol";
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

const Project = z.object({
  id: optionally(z.number().int()),
  path_with_namespace: optionally(ForeignText),
  web_url: optionally(ForeignText),
  git_http_url: optionally(ForeignText),
  git_ssh_url: optionally(ForeignText),
  http_url: optionally(ForeignText),
  ssh_url: optionally(ForeignText),
});
type Project = z.infer<typeof Project>;

const PushPayload = z.object({
  ref: ForeignText,
  before: SentSha,
  after: SentSha,
  /** The commit itself, also for annotated tags; null for deletions. */
  checkout_sha: optionally(SentSha),
  user_username: optionally(ForeignText),
  user_name: optionally(ForeignText),
  project: Project,
  commits: optionally(z.array(PushedCommit.extend({ message: optionally(ForeignText) }))),
  /** `commits` holds 20 at most; this is how many there are. */
  total_commits_count: optionally(z.number().int()),
});

const MergeRequestPayload = z.object({
  user: optionally(z.object({ username: ForeignText })),
  project: Project,
  object_attributes: z.object({
    iid: z.number().int().positive(),
    action: optionally(z.string()),
    title: optionally(ForeignText),
    source_branch: ForeignText,
    target_branch: ForeignText,
    source_project_id: optionally(z.number().int()),
    target_project_id: optionally(z.number().int()),
    /** Only there when the update brought new commits: the head before. */
    oldrev: optionally(SentSha),
    updated_at: optionally(z.string()),
    last_commit: z.object({ id: SentSha, message: optionally(ForeignText) }),
    source: optionally(z.object({ path_with_namespace: optionally(ForeignText) })),
  }),
  changes: optionally(z.object({ target_branch: z.looseObject({}).optional() })),
});

/**
 * Reads an authentic delivery. Never throws, whatever `payload` is. The kind of event is taken from the payload, which the
 * signature covers, not from the X-Gitlab-Event header; system hooks carry it as `event_name`. `occasion` is GitLab's id of the
 * happening (X-Gitlab-Event-UUID), the same for all hooks that it calls: payloads of pushes hold nothing of the kind.
 */
export function readGitlabEvent(payload: unknown, occasion = ""): WebhookReading {
  const kind = KindOfPayload.safeParse(payload);
  const name = kind.data?.object_kind ?? kind.data?.event_name;
  switch (name) {
    case "push":
    case "tag_push":
      return readPush(payload, name, occasion);
    case "merge_request":
      return readMergeRequest(payload);
    case undefined:
      return ignored("The payload does not say what happened: it has no object_kind.");
    default:
      return ignored(`Danube does nothing on ${JSON.stringify(name.slice(0, 100))} events.`);
  }
}

const KindOfPayload = z.object({ object_kind: optionally(z.string()), event_name: optionally(z.string()) });

function readPush(payload: unknown, kind: "push" | "tag_push", occasion: string): WebhookReading {
  const parsed = PushPayload.safeParse(payload);
  if (!parsed.success) return ignored(unlike(kind, parsed.error));
  const push = parsed.data;
  const ref = readRef(push.ref);
  if (ref.kind === "other") return ignored(ref.detail);
  if (isZeroSha(push.after)) return ignored(`The ${ref.kind} was deleted.`);
  const commitSha = push.checkout_sha ?? push.after;
  const created = isZeroSha(push.before);
  const commits = push.commits ?? [];
  const event: TriggerEvent = {
    type: ref.kind === "tag" ? "tag" : "push",
    forge: "gitlab",
    repositoryUrls: urlsOf(push.project),
    ref: push.ref,
    ...(ref.kind === "tag" ? { tag: ref.name } : { branch: ref.name }),
    commitSha,
    previousSha: created ? undefined : push.before,
    commitMessage: shortenMessage(commits.find((commit) => commit.id === commitSha)?.message),
    actor: push.user_username ?? push.user_name,
    // GitLab does not tell a rewritten branch from one that went forward: then these are the paths of the new commits, and
    // what the dropped ones touched is not among them.
    changedPaths:
      ref.kind === "branch" && !created && push.total_commits_count === commits.length
        ? completePaths(commits, push.after)
        : undefined,
  };
  // A branch may be pushed forth, back and forth again: the third push is not the first one, although it looks alike.
  const parts = [identityOf(push.project), push.ref, push.before, push.after, occasion];
  const key = deduplicationKey("gitlab", "push", parts);
  return { result: "accepted", event, deduplicationKey: key };
}

function readMergeRequest(payload: unknown): WebhookReading {
  const parsed = MergeRequestPayload.safeParse(payload);
  if (!parsed.success) return ignored(unlike("merge_request", parsed.error));
  const { object_attributes: request, project, user, changes } = parsed.data;
  const codeChanged = request.oldrev !== undefined || changes?.target_branch !== undefined;
  const action = readAction(request.action, codeChanged);
  if (action === undefined)
    return ignored(
      `Danube does nothing on a merge request's action "${(request.action ?? "none").slice(0, 100)}" without new commits.`,
    );
  if (
    readRef(`refs/heads/${request.source_branch}`).kind === "other" ||
    readRef(`refs/heads/${request.target_branch}`).kind === "other"
  )
    return ignored("The merge request's branches are not ones that Git can have.");
  const event: TriggerEvent = {
    type: "pull_request",
    forge: "gitlab",
    repositoryUrls: urlsOf(project),
    ref: `refs/merge-requests/${request.iid}/head`,
    commitSha: request.last_commit.id,
    commitMessage: shortenMessage(request.last_commit.message),
    actor: user?.username,
    pullRequest: {
      number: request.iid,
      title: shortenTitle(request.title ?? ""),
      action,
      headBranch: request.source_branch,
      baseBranch: request.target_branch,
      // What does not say that both are the same project is treated as a fork; so is one that was deleted.
      isFork: request.source_project_id === undefined || request.source_project_id !== request.target_project_id,
      headRepository: request.source?.path_with_namespace,
    },
  };
  const occasion = action === "closed" || action === "reopened" ? (request.updated_at ?? "") : "";
  const key = deduplicationKey("gitlab", "pull_request", [
    identityOf(project),
    request.iid,
    request.target_branch,
    request.last_commit.id,
    action,
    occasion,
  ]);
  return { result: "accepted", event, deduplicationKey: key };
}

function readAction(action: string | undefined, codeChanged: boolean): PullRequestInfo["action"] | undefined {
  switch (action) {
    case "open":
      return "opened";
    case "reopen":
      return "reopened";
    case "close":
    case "merge":
      return "closed";
    case "update":
      return codeChanged ? "synchronized" : undefined;
    default:
      return undefined;
  }
}

function urlsOf(project: Project): string[] {
  return distinctUrls([project.git_http_url, project.git_ssh_url, project.http_url, project.ssh_url, project.web_url]);
}

/** The id survives a renaming, but is only unique within one GitLab server. */
function identityOf(project: Project): string {
  const url = project.web_url ?? project.git_http_url;
  const host = url !== undefined && URL.canParse(url) ? new URL(url).host : "";
  return `${host}#${project.id ?? project.path_with_namespace ?? url ?? ""}`;
}

function unlike(event: string, error: z.ZodError): string {
  const places = error.issues.slice(0, 5).map((issue) => issue.path.join(".") || "the whole");
  return `The payload is not that of a ${event} event: look at ${places.join(", ")}.`;
}
