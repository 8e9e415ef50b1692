import type { LogLevel } from "../logger.ts";
import { type Address, loopbackUrl } from "./address.ts";
import type { ParsedSections } from "./sections.ts";

/** What a server process is told at its start, complete: every default is in place. Immutable. */
export interface ServerConfig {
  readonly server: {
    /** The API's listener. */
    readonly bindAddress: Address;
    /** The listener for Coordinators. */
    readonly rpcAddress: Address;
    /** The listener for Danube's own services. */
    readonly internalAddress: Address;
    /** Where Coordinators reach `rpcAddress`. By default its port on loopback. */
    readonly rpcUrl: string;
    /** Where the services reach `internalAddress`. By default its port on loopback. */
    readonly internalUrl: string;
    /** The services' credential for `internalAddress`, secret. */
    readonly internalToken?: string;
    readonly dataDirectory: string;
    /** Where people reach the API, without a slash at the end. By default its port on this machine. */
    readonly publicUrl: string;
  };
  readonly configRepo: {
    /** Absent: there is no blueprint repository to follow. */
    readonly url?: string;
    readonly branch: string;
    readonly syncIntervalMs: number;
    readonly sshKeyPath?: string;
  };
  readonly runtime: {
    readonly type: "kubernetes" | "local";
    /** How many sandboxes the local runtime keeps ready. */
    readonly preparedSandboxes: number;
  };
  readonly kubernetes: {
    /** A context of the kubeconfig; absent: the current one, or the cluster this runs in. */
    readonly context?: string;
    readonly namespaceSystem: string;
    readonly namespaceJobs: string;
    readonly coordinatorImage?: string;
    /** Whether the network policies of jobs are made, or removed and left to somebody else. */
    readonly egressPolicy: "enforced" | "off";
    /** Networks that jobs may reach where there is no Cilium to know names, such as `203.0.113.0/24`. */
    readonly egressCidrs: readonly string[];
    /** How long an image may fail to be pulled before that ends the job. */
    readonly imagePullGraceMs: number;
    /** How long a job may find no node, or no room in its namespace's quota, before that ends it. */
    readonly unschedulableGraceMs: number;
  };
  readonly auth: {
    /** Absent: there is no login, only API tokens. */
    readonly issuer?: string;
    readonly clientId: string;
    /** Secret. Present whenever `issuer` is. */
    readonly clientSecret?: string;
    readonly sessionDurationMs: number;
  };
  /** All secret. A forge whose secret is absent cannot deliver. */
  readonly webhooks: {
    readonly githubSecret?: string;
    readonly gitlabToken?: string;
    readonly gitlabSigningSecret?: string;
  };
  readonly logging: { readonly level: LogLevel; readonly format: "json" | "text" };
  readonly observability: {
    /** Present whenever traces are enabled. */
    readonly otelEndpoint?: string;
    readonly metricsEnabled: boolean;
    readonly tracesEnabled: boolean;
  };
}

/** Gives parsed sections the names and units that the rest of the code uses. */
export function toServerConfig(parsed: ParsedSections): ServerConfig {
  const { server, config_repo, runtime, kubernetes, auth, webhooks, logging, observability } = parsed;
  return {
    server: {
      bindAddress: server.bind_address,
      rpcAddress: server.rpc_address,
      internalAddress: server.internal_address,
      rpcUrl: withoutSlash(server.rpc_url ?? loopbackUrl(server.rpc_address)),
      internalUrl: withoutSlash(server.internal_url ?? loopbackUrl(server.internal_address)),
      internalToken: server.internal_token,
      dataDirectory: server.data_dir,
      publicUrl: withoutSlash(server.public_url ?? loopbackUrl(server.bind_address)),
    },
    configRepo: {
      url: config_repo.url,
      branch: config_repo.branch,
      syncIntervalMs: config_repo.sync_interval,
      sshKeyPath: config_repo.ssh_key_path,
    },
    runtime: { type: runtime.type, preparedSandboxes: runtime.prepared_sandboxes },
    kubernetes: {
      context: kubernetes.context,
      namespaceSystem: kubernetes.namespace_system,
      namespaceJobs: kubernetes.namespace_jobs,
      coordinatorImage: kubernetes.coordinator_image,
      egressPolicy: kubernetes.egress_policy,
      egressCidrs: kubernetes.egress_cidrs,
      imagePullGraceMs: kubernetes.image_pull_grace,
      unschedulableGraceMs: kubernetes.unschedulable_grace,
    },
    auth: {
      issuer: auth.issuer,
      clientId: auth.client_id,
      clientSecret: auth.client_secret,
      sessionDurationMs: auth.session_duration,
    },
    webhooks: {
      githubSecret: webhooks.github_secret,
      gitlabToken: webhooks.gitlab_token,
      gitlabSigningSecret: webhooks.gitlab_signing_secret,
    },
    logging: { level: logging.level, format: logging.format },
    observability: {
      otelEndpoint: observability.otel_endpoint,
      metricsEnabled: observability.metrics_enabled,
      tracesEnabled: observability.traces_enabled,
    },
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
