// The environment of what a job runs: a few variables of the host, named here, and our own. Nothing else of the server's
// environment reaches a job, because it may hold secrets. HOME is the host's on purpose: the local runtime isolates
// nothing, and the caches of package managers are there.
import { markVariable } from "./process-table.ts";

const person = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM"] as const;
// How this machine reaches the network: whom it trusts, and which proxy it goes through.
const network = [
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "CURL_CA_BUNDLE",
  "REQUESTS_CA_BUNDLE",
  "GIT_SSL_CAINFO",
  ...["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [name, name.toUpperCase()]),
] as const;
const allowed: readonly string[] = [...person, ...network];
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export type HostEnvironment = Readonly<Record<string, string | undefined>>;

/** What a Coordinator gets. `mark` is by which its processes are found. */
export function coordinatorEnvironment(
  host: HostEnvironment,
  options: { readonly mark: string; readonly compileCache: string },
): Record<string, string> {
  return { ...base(host, options.mark), NODE_COMPILE_CACHE: options.compileCache };
}

/** What every command of a job gets, before the variables of its step. */
export function stepEnvironment(
  host: HostEnvironment,
  options: {
    readonly jobId: string;
    readonly workspace: string;
    readonly temporaryDirectory: string;
    readonly workerEnvironment: Readonly<Record<string, string>>;
  },
): Record<string, string> {
  return {
    ...base(host, options.jobId),
    TMPDIR: options.temporaryDirectory,
    ...options.workerEnvironment,
    DANUBE_JOB_ID: options.jobId,
    DANUBE_WORKSPACE: options.workspace,
    [markVariable]: markOf(host, options.jobId),
  };
}

function base(host: HostEnvironment, mark: string): Record<string, string> {
  const entries = allowed.flatMap((name) => {
    const value = host[name] ?? (name === "PATH" ? defaultPath : undefined);
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(entries), CI: "true", DANUBE: "true", [markVariable]: markOf(host, mark) };
}

/** Danube within a Danube job keeps the outer mark, so that the outer job's end takes the inner one's processes along. */
export function markOf(host: HostEnvironment, mark: string): string {
  const outer = host[markVariable];
  return outer === undefined || outer === "" ? mark : `${outer}:${mark}`;
}
