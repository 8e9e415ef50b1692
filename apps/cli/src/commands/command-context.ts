import type { ApiClient } from "../api-client.ts";
import type { Output } from "../output.ts";

/** What every command that talks to a server is given. */
export interface CommandContext {
  readonly api: ApiClient;
  readonly output: Output;
  /** Whether to print JSON instead of text for people. */
  readonly json: boolean;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}
