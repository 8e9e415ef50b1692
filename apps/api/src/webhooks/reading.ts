// What the two forges' readers have in common: the shape of their answer, and how other people's data is taken in.
import { hash } from "node:crypto";
import { CommitSha, type Forge, type TriggerEvent } from "@danube/protocol";
import { z } from "zod";

/** What an authentic delivery means to us. `detail` says in a sentence why it means nothing. */
export type WebhookReading =
  | { readonly result: "accepted"; readonly event: TriggerEvent; readonly deduplicationKey: string }
  | { readonly result: "ignored"; readonly detail: string };

/** A reading of no interest, with the sentence that says why. */
export function ignored(detail: string): WebhookReading {
  return { result: "ignored", detail };
}

/** Text of somebody else's choosing. Lone surrogates, which neither UTF-8 nor SQLite can hold, are replaced. */
export const ForeignText = z.string().transform((text) => text.toWellFormed());

/** A part of a payload that we can do without: when it is missing or odd, it counts as not there. */
export function optionally<S extends z.ZodType>(schema: S) {
  return schema.optional().catch(undefined);
}

/** A commit id as forges send it, the all-zero one of creations and deletions included. */
export const SentSha = CommitSha;

/** Whether this is the all-zero id by which forges say "there is none". */
export function isZeroSha(sha: string): boolean {
  return /^0+$/.test(sha);
}

/** A branch or tag of a push, or a sentence why the ref is of no interest. */
export type PushedRef =
  | { readonly kind: "branch" | "tag"; readonly name: string }
  | { readonly kind: "other"; readonly detail: string };

/** Longer refs exist on no forge; whatever sends one is not to be stored. Bytes of UTF-16. */
const longestRef = 1_000;

export function readRef(ref: string): PushedRef {
  if (ref.length > longestRef) return { kind: "other", detail: `The ref is longer than ${longestRef} characters.` };
  if (ref.startsWith("refs/heads/") && ref.length > 11) return { kind: "branch", name: ref.slice(11) };
  if (ref.startsWith("refs/tags/") && ref.length > 10) return { kind: "tag", name: ref.slice(10) };
  return { kind: "other", detail: `The ref ${JSON.stringify(ref)} is neither a branch nor a tag.` };
}

/** The files that one commit of a push touched, as both forges list them. */
export const PushedCommit = z.object({
  id: SentSha,
  added: z.array(ForeignText),
  modified: z.array(ForeignText),
  removed: z.array(ForeignText),
});
export type PushedCommit = z.infer<typeof PushedCommit>;

/** More paths than this are not worth storing with a trigger: the push counts as touching anything. */
const mostPaths = 5_000;

/**
 * The paths that a push touched, or undefined when the list is not certainly complete. `commits` are all commits between
 * the branch's old and new head, oldest first. A commit without any path is a merge whose files the forge left out, or one
 * that can't be told from it.
 */
export function completePaths(commits: readonly PushedCommit[], headSha: string): string[] | undefined {
  if (commits.at(-1)?.id !== headSha) return undefined;
  const paths = new Set<string>();
  for (const commit of commits) {
    const touched = [...commit.added, ...commit.modified, ...commit.removed];
    if (touched.length === 0) return undefined;
    for (const path of touched) paths.add(path);
    if (paths.size > mostPaths) return undefined;
  }
  return [...paths].sort();
}

/** Commit messages and titles are kept up to this many characters; forges allow megabytes. */
const longestMessage = 16_384;
const longestTitle = 1_000;

export function shortenMessage(message: string | undefined): string | undefined {
  return message === undefined ? undefined : message.slice(0, longestMessage).toWellFormed();
}

export function shortenTitle(title: string): string {
  return title.slice(0, longestTitle).toWellFormed();
}

/** Every distinct URL that is there. */
export function distinctUrls(urls: readonly (string | undefined)[]): string[] {
  return [...new Set(urls.filter((url): url is string => url !== undefined && url !== ""))];
}

/**
 * By which the same happening is recognised under whatever delivery id it comes: a redelivery, and the second hook of the
 * same repository. Hashed, because the parts are other people's data of any length and content.
 */
export function deduplicationKey(forge: Forge, kind: string, parts: readonly (string | number)[]): string {
  return `${forge}:${kind}:${hash("sha256", JSON.stringify(parts))}`;
}
