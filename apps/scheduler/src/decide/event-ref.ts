import type { TriggerEvent } from "@danube/protocol";

/** The full ref that an event is about, also where only a branch, a tag or a number was told; undefined: the default branch. */
export function refOf(event: TriggerEvent): string | undefined {
  if (event.ref !== undefined) return event.ref;
  if (event.pullRequest) return `refs/pull/${event.pullRequest.number}/head`;
  if (event.tag !== undefined) return `refs/tags/${event.tag}`;
  return event.branch === undefined ? undefined : `refs/heads/${event.branch}`;
}

/** The branch that an event is about, if it is about one. */
export function branchOf(event: TriggerEvent): string | undefined {
  return event.branch ?? (event.ref?.startsWith("refs/heads/") ? event.ref.slice("refs/heads/".length) : undefined);
}

/** The tag that an event is about, if it is about one. */
export function tagOf(event: TriggerEvent): string | undefined {
  return event.tag ?? (event.ref?.startsWith("refs/tags/") ? event.ref.slice("refs/tags/".length) : undefined);
}
