// The environment that Git runs in: it never asks, never runs a transport that could run commands, and carries credentials
// for one origin only.
export interface GitEnvironmentOptions {
  readonly url: string;
  readonly authorization?: string;
  readonly allowLocal: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const passedOn = [
  "PATH",
  "HOME",
  "SSH_AUTH_SOCK",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
];

/** Everything that Git may know of the server's environment, and how it has to behave. Source: git(1), git-config(1). */
export function gitEnvironment(options: GitEnvironmentOptions): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of passedOn) {
    const value = options.environment[name];
    if (value !== undefined) environment[name] = value;
  }
  const settings: [string, string][] = [["core.hooksPath", "/dev/null"]];
  if (options.authorization !== undefined) {
    const origin = URL.canParse(options.url) ? new URL(options.url).origin : "null";
    if (origin !== "null") {
      settings.push([`http.${origin}/.extraHeader`, `Authorization: ${options.authorization}`]);
      // Elsewhere the credentials have no business.
      settings.push(["http.followRedirects", "false"]);
    }
  }
  environment["GIT_CONFIG_COUNT"] = String(settings.length);
  for (const [at, [key, value]] of settings.entries()) {
    environment[`GIT_CONFIG_KEY_${at}`] = key;
    environment[`GIT_CONFIG_VALUE_${at}`] = value;
  }
  return {
    ...environment,
    LC_ALL: "C",
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "false",
    SSH_ASKPASS: "false",
    GIT_SSH_COMMAND: "ssh -oBatchMode=yes -oConnectTimeout=10",
    GIT_ALLOW_PROTOCOL: options.allowLocal ? "https:http:ssh:git:file" : "https:http:ssh:git",
  };
}
