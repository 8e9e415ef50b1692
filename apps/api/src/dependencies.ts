import type { Clock, Health, Logger, Metrics } from "@danube/kit";
import type { Commands, Queries } from "@danube/protocol";
import type { OneTimeCodes } from "./auth/one-time-codes.ts";
import type { ChangeSource } from "./streams/change-feed.ts";

/** The secrets by which forges prove who they are. Several of a kind while one is being replaced; none: all are refused. */
export interface WebhookSecrets {
  readonly github: readonly string[];
  /** Compared with X-Gitlab-Token. */
  readonly gitlabTokens: readonly string[];
  /** GitLab's signing tokens, `whsec_…`. When there are some and no `gitlabTokens`, only signed deliveries are accepted. */
  readonly gitlabSigningSecrets: readonly string[];
}

export interface ApiAuth {
  /** The token of this machine's own user, which may do everything; undefined while there is none. */
  readonly localToken?: () => string | undefined;
  /** Codes for `/login/once?code=…`, each worth one session. */
  readonly oneTimeCodes?: OneTimeCodes;
  /** Where people reach this server: its host is allowed, and an https one makes cookies Secure. */
  readonly publicUrl?: string;
  /** More values of the Host header to answer to. IP addresses and localhost always are. */
  readonly allowedHosts?: readonly string[];
  /** How long a session lasts. 12 hours unless told otherwise. */
  readonly sessionLifetimeMs?: number;
}

export interface ApiDependencies {
  readonly queries: Queries;
  readonly commands: Commands;
  readonly changes: ChangeSource;
  readonly logsDirectory: string;
  readonly artifactsDirectory: string;
  readonly webhookSecrets: WebhookSecrets;
  readonly auth: ApiAuth;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly clock: Clock;
  /** The built web UI; without it `/` says that there is none. */
  readonly webFiles?: string;
  /** Whether `/metrics` asks for no token. Only for a listener that none but the operator reaches. */
  readonly openMetrics?: boolean;
  /** For tests; the defaults are the product's. */
  readonly limits?: Partial<ApiLimits>;
}

export interface ApiLimits {
  /** How long trigger and rerun wait for the scheduler's decision. */
  readonly decisionWaitMs: number;
  readonly heartbeatMs: number;
  /** How long a stream's client may read nothing before it is cut off. */
  readonly stallMs: number;
  readonly logEndGraceMs: number;
}

export const defaultLimits: ApiLimits = {
  decisionWaitMs: 5_000,
  heartbeatMs: 15_000,
  stallMs: 30_000,
  logEndGraceMs: 2_000,
};
