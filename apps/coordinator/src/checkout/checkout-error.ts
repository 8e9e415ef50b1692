// What git's words mean.
import { withoutCredentials } from "./git-environment.ts";

/** The repository or the commit could not be had. The message is one sentence. */
export class CheckoutError extends Error {
  override readonly name = "CheckoutError";
  /** Whether another try, later, may succeed with nothing changed. */
  readonly isTransient: boolean;

  constructor(message: string, options: { readonly isTransient: boolean }) {
    super(message);
    this.isTransient = options.isTransient;
  }
}

const refusedCommit =
  /not our ref|unadvertised object|couldn't find remote ref|no such remote ref|allow-?(tip|reachable|any)-?sha1/i;
const transient =
  /could not resolve host|couldn't connect|failed to connect|connection (refused|reset|timed out|closed)|timed? ?out|early EOF|unexpected disconnect|remote end hung up|RPC failed|returned error: (429|5\d\d)|temporary failure|operation too slow|network is unreachable|empty reply|unexpected eof/i;
const permanent =
  /authentication failed|could not read (username|password)|permission denied|repository .*not found|does not (exist|appear to be)|returned error: 4(?!29)\d\d|not allowed|host key verification/i;

/** Whether the server gave no such commit by itself; it may have it behind a branch. */
export function isRefusedCommit(stderr: string): boolean {
  return refusedCommit.test(stderr);
}

/** The error for a git command that failed. */
export function checkoutError(what: string, url: string, stderr: string): CheckoutError {
  const lines = stderr.split("\n").map((line) => line.replace(/^(fatal|error|remote): */, "").trim());
  const said = lines.filter((line) => line !== "" && !line.startsWith("hint:"));
  const words = said.slice(0, 3).join("; ").slice(0, 500) || "git gave no reason";
  const shown = withoutCredentials(words).replaceAll(url, withoutCredentials(url));
  return new CheckoutError(`${what}: ${shown}`, { isTransient: transient.test(stderr) && !permanent.test(stderr) });
}
