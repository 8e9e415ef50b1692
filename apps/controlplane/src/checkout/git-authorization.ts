// Which credentials belong to a repository: the first entry of the configuration whose pattern matches its URL.
import type { ConfigSpec } from "@danube/protocol";

type GitAuthentication = ConfigSpec["git_authentication"][number];

/** The value of an Authorization header for `url`, or undefined when none is configured for it. */
export function gitAuthorization(
  url: string,
  entries: readonly GitAuthentication[],
  secrets: ReadonlyMap<string, string>,
): string | undefined {
  if (!/^https?:\/\//i.test(url)) return undefined;
  const place = placeOf(url);
  for (const entry of entries) {
    if (!entry.match_patterns.some((pattern) => matches(pattern, place))) continue;
    const token = entry.token_secret === undefined ? undefined : secrets.get(entry.token_secret);
    if (token === undefined) continue;
    const username = entry.username ?? (entry.type === "gitlab_token" ? "oauth2" : "x-access-token");
    return `Basic ${Buffer.from(`${username}:${token}`, "utf8").toString("base64")}`;
  }
  return undefined;
}

/** Host and path, in the form in which patterns are written: `github.com/team/app`. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`.replace(/\.git$/, "").replace(/\/$/, "");
}

/** `*` stands for anything within a segment, `**` for anything. */
function matches(pattern: string, place: string): boolean {
  const bare = pattern
    .replace(/^https?:\/\//i, "")
    .replace(/\.git$/, "")
    .replace(/\/$/, "");
  const source = bare
    .split(/(\*\*|\*)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`, "i").test(place);
}
