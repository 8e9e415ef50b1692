// A whole API on port 0 over a real database and real log files, for tests.
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createQueries, openReader } from "@danube/db/read";
import {
  applyConfiguration,
  createArtifact,
  createJob,
  createToken,
  findPipelineByName,
  finishStep,
  type JobTransition,
  openWriter,
  type StepEnd,
  startStep,
  transitionJob,
  type Writer,
} from "@danube/db/write";
import {
  createHealth,
  createMetrics,
  type Health,
  type Logger,
  type Metrics,
  newId,
  silentLogger,
  systemClock,
} from "@danube/kit";
import { type JobLogWriter, openLogWriter } from "@danube/logs";
import {
  type Artifact,
  type BlueprintConfiguration,
  BlueprintConfiguration as Configuration,
  type Commands,
  type Job,
  type JobTrigger,
  type Step,
} from "@danube/protocol";
import { type Api, createApp } from "../app.ts";
import { createOneTimeCodes, type OneTimeCodes } from "../auth/one-time-codes.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { type ChangeHub, createChangeHub } from "./change-hub.ts";
import { createTestCommands, type TestCommands } from "./test-commands.ts";

export const testToken = "test-token-of-the-operator";
export const githubSecret = "github secret";
export const gitlabToken = "gitlab token";
export const gitlabSigningSecret = `whsec_${Buffer.from("a signing secret of gitlab").toString("base64")}`;

export interface TestApi {
  readonly url: string;
  readonly port: number;
  readonly api: Api;
  readonly writer: Writer;
  readonly commands: TestCommands;
  readonly changes: ChangeHub;
  readonly codes: OneTimeCodes;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly logsDirectory: string;
  readonly dependencies: ApiDependencies;
  /** A request with the operator's token. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  createJob(options?: { pipeline?: string; trigger?: Partial<JobTrigger> }): Promise<Job>;
  moveJob(jobId: string, to: JobTransition): Promise<Job>;
  startStep(jobId: string, name: string, sequence?: number): Promise<Step>;
  finishStep(end: StepEnd): Promise<Step>;
  openLog(jobId: string): Promise<JobLogWriter>;
  createArtifact(jobId: string, name: string, bytes: Uint8Array, fileName?: string): Promise<Artifact>;
  createToken(options: { scopes: string[]; expiresAt?: string; subject?: string }): Promise<string>;
  /** Starts another API over the same data, as after a restart; the first one goes on. */
  startAnother(): Promise<{ url: string; api: Api }>;
  stop(): Promise<void>;
}

export async function startTestApi(
  overrides: Partial<ApiDependencies> & { readonly pipelines?: readonly object[]; readonly logger?: Logger } = {},
): Promise<TestApi> {
  const dataDirectory = await mkdtemp(join(tmpdir(), "danube-api-"));
  const logsDirectory = join(dataDirectory, "logs");
  const artifactsDirectory = join(dataDirectory, "artifacts");
  await mkdir(logsDirectory);
  const writer = await openWriter({ dataDirectory, logger: silentLogger, ballastBytes: 4_096 });
  const { pipelines = [{ name: "app" }], ...dependencyOverrides } = overrides;
  await writer.transaction((transaction) =>
    applyConfiguration(transaction, { configuration: configurationWith(pipelines), commitSha: "c".repeat(40), newId }),
  );
  const reader = openReader({ dataDirectory });
  const changes = createChangeHub();
  const commands = createTestCommands(writer, changes);
  const codes = createOneTimeCodes({ clock: systemClock });
  const metrics = createMetrics();
  const health = createHealth({ logger: silentLogger });
  const dependencies: ApiDependencies = {
    queries: createQueries(reader),
    commands: commands as Commands,
    changes,
    logsDirectory,
    artifactsDirectory,
    webhookSecrets: {
      github: [githubSecret, "the next github secret"],
      gitlabTokens: [gitlabToken],
      gitlabSigningSecrets: [gitlabSigningSecret],
    },
    auth: { localToken: () => testToken, oneTimeCodes: codes },
    logger: silentLogger,
    metrics,
    health,
    clock: systemClock,
    ...dependencyOverrides,
  };
  const api = createApp(dependencies);
  const started = [api];
  const { port } = await api.start({ host: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${port}`;
  const logs: JobLogWriter[] = [];

  return {
    url,
    port,
    api,
    writer,
    commands,
    changes,
    codes,
    health,
    metrics,
    logsDirectory,
    dependencies,
    fetch: (path, init = {}) => {
      const headers = new Headers(init.headers);
      if (!headers.has("authorization")) headers.set("authorization", `Bearer ${testToken}`);
      return fetch(`${url}${path}`, { ...init, headers });
    },
    async createJob({ pipeline = "app", trigger = {} } = {}) {
      const job = await writer.transaction((transaction) => {
        const found = findPipelineByName(transaction, pipeline);
        if (found === undefined) throw new Error(`no pipeline ${pipeline}`);
        const push = { type: "push", ref: "refs/heads/main", branch: "main", commitSha: "a".repeat(40) } as const;
        return createJob(transaction, {
          id: newId(),
          pipelineId: found.id,
          trigger: { ...push, ...trigger },
          params: {},
          admit: true,
          attempt: 1,
          supersedes: [],
        });
      });
      changes.publish({ type: "job", job });
      return job;
    },
    async moveJob(jobId, to) {
      const { record } = await writer.transaction((transaction) => transitionJob(transaction, { jobId, to }));
      changes.publish({ type: "job", job: record.job });
      return record.job;
    },
    async startStep(jobId, name, sequence = 1) {
      const id = newId();
      const { step } = await writer.transaction((transaction) =>
        startStep(transaction, { id, jobId, kind: "command", name, sequence, attempt: 1, soft: false }),
      );
      changes.publish({ type: "step", step });
      return step;
    },
    async finishStep(end) {
      const { step } = await writer.transaction((transaction) => finishStep(transaction, end));
      changes.publish({ type: "step", step });
      return step;
    },
    async openLog(jobId) {
      const log = await openLogWriter({
        directory: logsDirectory,
        jobId,
        onGrowth: (sizeBytes) => changes.publish({ type: "log", jobId, sizeBytes, closed: false }),
      });
      logs.push(log);
      return log;
    },
    async createArtifact(jobId, name, bytes, fileName = name) {
      const id = newId();
      await mkdir(join(artifactsDirectory, jobId), { recursive: true });
      await writeFile(join(artifactsDirectory, jobId, id), bytes);
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const artifact = { id, jobId, name, fileName, kind: "file", sizeBytes: bytes.length, sha256 } as const;
      return writer.transaction((transaction) => createArtifact(transaction, artifact));
    },
    async createToken({ scopes, expiresAt, subject = "robot" }) {
      const token = `danube_${newId()}`;
      const tokenSha256 = createHash("sha256").update(token).digest("hex");
      await writer.transaction((transaction) =>
        createToken(transaction, { id: newId(), name: "a token", subject, scopes, expiresAt, tokenSha256 }),
      );
      return token;
    },
    async startAnother() {
      const another = createApp({ ...dependencies, metrics: createMetrics() });
      started.push(another);
      const address = await another.start({ host: "127.0.0.1", port: 0 });
      return { url: `http://127.0.0.1:${address.port}`, api: another };
    },
    async stop() {
      await Promise.all(started.map((one) => one.stop({ graceMs: 200 })));
      await Promise.all(logs.map((log) => log.close()));
      reader.close();
      await writer.close();
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

function configurationWith(pipelines: readonly object[]): BlueprintConfiguration {
  const documents = pipelines.map(({ name, ...spec }: { name?: string }) => ({
    apiVersion: "danube.dev/v1",
    kind: "Pipeline",
    metadata: { name },
    spec: { repository: `https://github.com/octo/${name}`, ...spec },
  }));
  return Configuration.parse({
    config: { apiVersion: "danube.dev/v1", kind: "Config", spec: {} },
    users: [],
    teams: [],
    pipelines: documents,
  });
}
