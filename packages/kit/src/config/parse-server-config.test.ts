import { describe, expect, it } from "vitest";
import { ConfigurationError, type ConfigurationProblem } from "./configuration-error.ts";
import { parseServerConfig, type ServerConfigSources } from "./parse-server-config.ts";

function problemsOf(sources: ServerConfigSources): readonly ConfigurationProblem[] {
  try {
    parseServerConfig(sources);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

describe("the server configuration", () => {
  it("is complete without a word from anybody", () => {
    expect(parseServerConfig({})).toEqual({
      server: {
        bindAddress: { host: "0.0.0.0", port: 8080 },
        rpcAddress: { host: "0.0.0.0", port: 9000 },
        internalAddress: { host: "127.0.0.1", port: 9001 },
        rpcUrl: "http://127.0.0.1:9000",
        internalUrl: "http://127.0.0.1:9001",
        dataDirectory: "/var/lib/danube",
        publicUrl: "http://127.0.0.1:8080",
      },
      configRepo: { branch: "main", syncIntervalMs: 60_000 },
      runtime: { type: "kubernetes", preparedSandboxes: 0 },
      kubernetes: {
        namespaceSystem: "danube-system",
        namespaceJobs: "danube-jobs",
        egressPolicy: "enforced",
        egressCidrs: [],
        imagePullGraceMs: 30_000,
        unschedulableGraceMs: 600_000,
      },
      auth: { clientId: "danube", sessionDurationMs: 43_200_000 },
      webhooks: {},
      logging: { level: "info", format: "json" },
      observability: { metricsEnabled: true, tracesEnabled: false },
    });
  });

  it("takes the document, and the environment over it", () => {
    const config = parseServerConfig({
      document: {
        server: { bind_address: "[::1]:80", public_url: "https://ci.example.org/" },
        config_repo: { url: "https://example.org/c.git", sync_interval: "1.5m" },
        logging: { level: "debug" },
      },
      env: {
        DANUBE_LOGGING_LEVEL: "warn",
        DANUBE_RUNTIME_PREPARED_SANDBOXES: "2",
        DANUBE_OBSERVABILITY_METRICS_ENABLED: "false",
      },
    });
    expect(config.server.bindAddress).toEqual({ host: "::1", port: 80 });
    expect(config.server.publicUrl).toBe("https://ci.example.org");
    expect(config.configRepo.syncIntervalMs).toBe(90_000);
    expect(config.logging.level).toBe("warn");
    expect(config.runtime.preparedSandboxes).toBe(2);
    expect(config.observability.metricsEnabled).toBe(false);
  });

  it("takes networks as a list or separated by commas, and refuses what is none", () => {
    const cidrs = ["203.0.113.0/24", "2001:db8::/32"];
    const of = (sources: ServerConfigSources) => parseServerConfig(sources).kubernetes.egressCidrs;
    expect(of({ document: { kubernetes: { egress_cidrs: cidrs } } })).toEqual(cidrs);
    expect(of({ env: { DANUBE_KUBERNETES_EGRESS_CIDRS: cidrs.join(", ") } })).toEqual(cidrs);
    const problems = problemsOf({ env: { DANUBE_KUBERNETES_EGRESS_CIDRS: "203.0.113.0" } });
    expect(problems).toMatchObject([{ key: "kubernetes.egress_cidrs", fix: expect.stringContaining("/24") }]);
  });

  it("reads values from files that the environment or the document names, without the newline at the end", () => {
    const files: Record<string, string> = { "/s/github": "one\n", "/s/gitlab": " two \r\n" };
    const config = parseServerConfig({
      document: { webhooks: { gitlab_token_file: "/s/gitlab" } },
      env: { DANUBE_WEBHOOKS_GITHUB_SECRET_FILE: "/s/github" },
      readFile: (path) => files[path] as string,
    });
    expect(config.webhooks).toEqual({ githubSecret: "one", gitlabToken: " two " });
  });

  it("tells everything that is wrong at once, each with key, value, source and fix", () => {
    const problems = problemsOf({
      document: { server: { bind_adress: "x", rpc_address: "nowhere" }, loging: {}, runtime: 3 },
      documentSource: "/etc/danube/danube.toml",
      env: { DANUBE_CONFIG_REPO_SYNC_INTERVAL: "often", DANUBE_SERVER_DATA_DIRR: "/x" },
    });
    const toml = "/etc/danube/danube.toml";
    expect(problems).toEqual([
      { key: "server.bind_adress", source: toml, fix: "there is no such key; did you mean bind_address?" },
      { key: "loging", source: toml, fix: "there is no such section; did you mean logging?" },
      { key: "runtime", source: toml, fix: "must be a section: [runtime]" },
      {
        key: "DANUBE_SERVER_DATA_DIRR",
        source: "environment variable DANUBE_SERVER_DATA_DIRR",
        fix: "there is no such variable; did you mean DANUBE_SERVER_DATA_DIR?",
      },
      { key: "server.rpc_address", value: '"nowhere"', source: toml, fix: expect.stringContaining("host:port") },
      {
        key: "config_repo.sync_interval",
        value: '"often"',
        source: "environment variable DANUBE_CONFIG_REPO_SYNC_INTERVAL",
        fix: expect.stringContaining('"60s"'),
      },
    ]);
  });

  it.each(["", "host", "host:", "host:65536", "host:-1", "a b:80", "::1:80", "http://x:80"])(
    "refuses the address %j",
    (address) => {
      expect(problemsOf({ document: { server: { bind_address: address } } })).toHaveLength(1);
    },
  );

  it("never shows a secret or the content of a file", () => {
    const error = (() => {
      try {
        parseServerConfig({
          document: { webhooks: { github_secret: 12345678 }, logging: { level_file: "/s" } },
          readFile: () => "hunter2",
        });
      } catch (caught) {
        return String(caught);
      }
      return "";
    })();
    expect(error).toContain("webhooks.github_secret");
    expect(error).toContain("logging.level");
    expect(error).not.toMatch(/12345678|hunter2/);
  });

  it("refuses an empty secret, and takes an empty variable for an absent one", () => {
    expect(problemsOf({ document: { webhooks: { github_secret: "" } } })).toHaveLength(1);
    expect(problemsOf({ env: { DANUBE_WEBHOOKS_GITHUB_SECRET_FILE: "/s" }, readFile: () => "\n" })).toHaveLength(1);
    expect(parseServerConfig({ env: { DANUBE_WEBHOOKS_GITHUB_SECRET: "" } }).webhooks).toEqual({});
  });

  it("refuses a value together with its file, and a file that cannot be read", () => {
    const both = { DANUBE_AUTH_CLIENT_ID: "a", DANUBE_AUTH_CLIENT_ID_FILE: "/s" };
    expect(problemsOf({ env: both, readFile: () => "b" })).toMatchObject([
      { fix: expect.stringContaining("not both") },
    ]);
    expect(problemsOf({ document: { auth: { client_id: "a", client_id_file: "/s" } } })).toHaveLength(1);
    const missing = () => {
      throw new Error("ENOENT");
    };
    expect(problemsOf({ env: { DANUBE_AUTH_CLIENT_ID_FILE: "/s" }, readFile: missing })).toMatchObject([
      { key: "auth.client_id", value: "/s", fix: expect.stringContaining("ENOENT") },
    ]);
  });

  it("leaves the variables of Kubernetes and of our other programs alone", () => {
    const env = {
      DANUBE_SERVER_SERVICE_HOST: "10.0.0.1",
      DANUBE_SERVER_PORT: "tcp://10.0.0.1:80",
      DANUBE_SERVER_PORT_80_TCP_ADDR: "10.0.0.1",
      DANUBE_TOKEN: "t",
      DANUBE_JOB_ID: "j",
      PATH: "/bin",
    };
    expect(problemsOf({ env })).toEqual([]);
  });

  it("finds a misspelt section in the environment", () => {
    expect(problemsOf({ env: { DANUBE_SEVER_DATA_DIR: "/x" } })).toMatchObject([
      { fix: expect.stringContaining("DANUBE_SERVER_DATA_DIR") },
    ]);
  });

  it("wants a client secret with an issuer, and an endpoint with traces", () => {
    expect(
      problemsOf({ document: { auth: { issuer: "https://dex" }, observability: { traces_enabled: true } } }),
    ).toMatchObject([{ key: "auth.client_secret" }, { key: "observability.otel_endpoint" }]);
  });

  it("is not fooled by names that every object has", () => {
    const document = JSON.parse('{"__proto__":{},"server":{"constructor":1,"__proto__":2}}') as unknown;
    expect(problemsOf({ document })).toHaveLength(3);
  });
});
