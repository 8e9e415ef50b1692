// The environment of our git commands: nothing of this machine's or this user's configuration counts, nothing can ask for a
// password, and credentials reach git by its environment, never by arguments or files.

export interface GitEnvironmentOptions {
  readonly url: string;
  /** The value of an Authorization header for the URL's own origin. */
  readonly authorization?: string;
  readonly gitDirectory: string;
  readonly workTree: string;
  /** The environment of this process. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
}

// How to find programs, keys, proxies and certificates.
const inheritedNames =
  /^(PATH|HOME|USER|TMPDIR|SSH_AUTH_SOCK|SSL_CERT_(FILE|DIR)|GIT_SSL_CAINFO|GIT_SSH_COMMAND|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY)$/;

/** Throws a TypeError for an authorization that is no header value or has no origin to go to. */
export function createGitEnvironment(options: GitEnvironmentOptions): Record<string, string> {
  const { url, authorization, gitDirectory, workTree, inherited } = options;
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) {
    if (value !== undefined && inheritedNames.test(name)) environment[name] = value;
  }
  environment["GIT_SSH_COMMAND"] ??= "ssh -o BatchMode=yes";
  return {
    ...environment,
    LC_ALL: "C",
    GIT_DIR: gitDirectory,
    GIT_WORK_TREE: workTree,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "/bin/false",
    SSH_ASKPASS: "/bin/false",
    GIT_ALLOW_PROTOCOL: isLocal(url) ? "file" : "http:https:ssh:git",
    ...configuration([
      ["protocol.version", "2"],
      ["core.hooksPath", "/dev/null"],
      ["core.attributesFile", "/dev/null"],
      ["core.fsmonitor", "false"],
      ["credential.helper", ""],
      ["gc.auto", "0"],
      ["maintenance.auto", "false"],
      ["advice.detachedHead", "false"],
      // A server that says nothing for a minute is not going to.
      ["http.lowSpeedLimit", "1"],
      ["http.lowSpeedTime", "60"],
      ...(authorization === undefined ? [] : authorize(url, authorization)),
    ]),
  };
}

/** Whether the URL is a path of this machine. */
export function isLocal(url: string): boolean {
  return url.startsWith("/") || url.startsWith("./") || url.startsWith("../") || /^file:/i.test(url);
}

function authorize(url: string, authorization: string): [string, string][] {
  // oxlint-disable-next-line no-control-regex -- that is what must not be in a header
  if (/[\u0000-\u001f\u007f]/.test(authorization)) throw new TypeError("The authorization is not a header's value.");
  const origin = URL.canParse(url) ? new URL(url) : undefined;
  if (origin === undefined || !/^https?:$/.test(origin.protocol))
    throw new TypeError(`An Authorization header is of no use for ${withoutCredentials(url)}, which is no http URL.`);
  return [
    [`http.${origin.origin}/.extraHeader`, `Authorization: ${authorization}`],
    // git would send the header to wherever it was redirected.
    ["http.followRedirects", "false"],
  ];
}

/** Source: git-config(1), "GIT_CONFIG_COUNT". */
function configuration(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(pairs.length) };
  for (const [index, [key, value]] of pairs.entries()) {
    variables[`GIT_CONFIG_KEY_${index}`] = key;
    variables[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return variables;
}

/** The URL as people may see it. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1");
}
