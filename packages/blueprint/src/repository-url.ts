// A repository has many names: https, ssh, `git@host:path`, with and without `.git`. Pipelines name one, forges send several.
import { showValue } from "./blueprint-error.ts";

/** What is wrong with the address of a repository, in a sentence that names it unless it holds a password, or undefined. */
export function findRepositoryMistake(address: string): string | undefined {
  const parsed = parse(address);
  if (parsed?.hasPassword) return "an address must not hold a password; use git_authentication in config.json";
  const mistake = mistakeOf(address) ?? (parsed ? undefined : shapes);
  return mistake && `${showValue(address)} is not allowed: ${mistake}`;
}

const shapes =
  'write an address such as "https://github.com/owner/repository", "ssh://git@host/owner/repository" or "git@host:owner/repository"';

function mistakeOf(address: string): string | undefined {
  if (address.startsWith("-")) return 'an address must not begin with "-"';
  if (/[\s\p{Cc}]/u.test(address)) return "an address must not hold spaces or control characters";
  if (/^[a-z0-9+.-]+::/i.test(address)) return "remote helpers such as ext:: are not allowed";
  return undefined;
}

/**
 * The name under which two addresses of one repository are equal, such as `github.com/owner/repository`, or undefined if
 * `address` is none. Scheme, credentials, the scheme's own port, `.git` and slashes at the end do not matter, nor the case of
 * the host. Another port does: it is another server, and a forge tells all of its addresses. Local paths begin with `/`.
 */
export function normaliseRepositoryUrl(address: string): string | undefined {
  return parse(address)?.name;
}

const ownPorts: Readonly<Record<string, string>> = {
  "http:": "80",
  "https:": "443",
  "ssh:": "22",
  "git+ssh:": "22",
  "git:": "9418",
};

/** These take `Owner/Name` and `owner/name` for the same. */
const caselessHosts: ReadonlySet<string> = new Set(["github.com", "gitlab.com", "bitbucket.org"]);

function parse(address: string): { readonly name: string; readonly hasPassword: boolean } | undefined {
  if (address.startsWith("/")) return named("", address, false);
  const schemeless = /^(?:[^@/\s]+@)?([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]):(?!:|\/\/)(.+)$/.exec(address);
  if (schemeless) return named(schemeless[1] as string, `/${schemeless[2] as string}`, false);
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (url.protocol === "file:") return named("", url.pathname, false);
  const ownPort = ownPorts[url.protocol];
  if (ownPort === undefined || url.hostname === "") return undefined;
  const port = url.port === "" || url.port === ownPort ? "" : `:${url.port}`;
  return named(`${url.hostname}${port}`, url.pathname, url.password !== "");
}

function named(host: string, path: string, hasPassword: boolean): ReturnType<typeof parse> {
  const lowerHost = host.toLowerCase();
  const clean = decode(path)
    .replace(/^\/+/, "/")
    .replace(/\/+$/, "")
    .replace(/\/?\.git$/, "")
    .replace(/\/+$/, "");
  if (clean === "") return undefined;
  return { name: `${lowerHost}${caselessHosts.has(lowerHost) ? clean.toLowerCase() : clean}`, hasPassword };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
