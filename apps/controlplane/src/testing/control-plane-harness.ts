// A whole control plane in a temporary directory, with the strict fake driver and a clock that the test moves.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createMetrics, createTestClock, type Logger, newId, silentLogger, type TestClock } from "@danube/kit";
import {
  type BlueprintConfiguration,
  BlueprintConfiguration as BlueprintConfigurationSchema,
  type Job,
  type JobTrigger,
  type NewJob,
} from "@danube/protocol";
import { createFakeDriver, type FakeDriver, type FakeDriverOptions } from "@danube/runtime/testing";
import type { z } from "zod";
import { type ControlPlane, createApp } from "../app.ts";
import { type ControlPlaneConfig, controlPlaneDefaults } from "../config.ts";
import { connectCoordinator, type ScriptedCoordinator } from "./scripted-coordinator.ts";

export interface HarnessOptions {
  readonly driver?: FakeDriverOptions;
  readonly config?: Partial<ControlPlaneConfig>;
  /** The `spec` of the one pipeline, `app`. */
  readonly pipeline?: Record<string, unknown>;
  readonly logger?: Logger;
}

export const commitSha = "a".repeat(40);
export const localhost = { host: "127.0.0.1", port: 0 };

export class Harness implements AsyncDisposable {
  readonly clock: TestClock = createTestClock();
  readonly dataDirectory: string;
  driver: FakeDriver;
  app!: ControlPlane;
  url = "";
  readonly #options: HarnessOptions;
  readonly #coordinators: ScriptedCoordinator[] = [];

  private constructor(dataDirectory: string, options: HarnessOptions) {
    this.dataDirectory = dataDirectory;
    this.#options = options;
    this.driver = createFakeDriver(options.driver);
  }

  static async start(options: HarnessOptions = {}): Promise<Harness> {
    const harness = new Harness(await mkdtemp(path.join(tmpdir(), "danube-controlplane-")), options);
    await harness.#open();
    await harness.app.commands.applyBlueprint({
      syncId: newId(),
      commitSha,
      configuration: configurationOf(options.pipeline),
      startedAt: "2026-01-01T00:00:00.000Z",
    });
    return harness;
  }

  async #open(): Promise<void> {
    const { clock, dataDirectory, driver } = this;
    this.app = await createApp({
      config: {
        ...controlPlaneDefaults,
        dataDirectory,
        allowLocalRepositories: true,
        environment: process.env,
        ...this.#options.config,
        // A restarted control plane is reached where the one before was.
        ...(this.url === "" ? {} : { rpcUrl: this.url }),
      },
      driver,
      logger: this.#options.logger ?? silentLogger,
      metrics: createMetrics(),
      clock,
      uptime: { bootId: "test", uptimeMs: () => clock.monotonicMs() },
    });
    const port = this.url === "" ? 0 : Number(new URL(this.url).port);
    const address = await this.app.listenJobs({ host: localhost.host, port });
    this.url = `http://127.0.0.1:${address.port}`;
    await this.app.start();
  }

  /** The process dies and another one takes its place: nothing is told to anybody, every connection breaks. */
  async restart(whileDown: () => Promise<void> | void = () => {}): Promise<void> {
    await this.stop();
    await whileDown();
    await this.#open();
  }

  async stop(): Promise<void> {
    const driver = this.driver.restart();
    await this.app.stop({ graceMs: 0 });
    this.driver = driver;
  }

  /** Makes and admits a job of pipeline `app`, without waiting for its sandbox. */
  async createJob(trigger: Partial<JobTrigger> = {}, change: Partial<z.input<typeof NewJob>> = {}): Promise<Job> {
    const { pipeline } = await this.app.queries.getPipeline({ name: "app" });
    const triggerId = newId();
    await this.app.commands.recordTrigger({
      id: triggerId,
      deduplicationKey: triggerId,
      event: { type: "manual", forge: "danube", repositoryUrls: [], pipelineName: "app" },
    });
    const { jobs } = await this.app.commands.decideTrigger({
      triggerId,
      outcome: "One job.",
      jobs: [
        {
          id: newId(),
          pipelineId: pipeline?.id ?? "",
          trigger: { type: "push", commitSha, branch: "main", ...trigger },
          params: {},
          admit: true,
          ...change,
        },
      ],
    });
    return jobs[0] as Job;
  }

  /** A job whose Coordinator is attached and has reported that it runs. */
  async startJob(trigger: Partial<JobTrigger> = {}): Promise<{ job: Job; coordinator: ScriptedCoordinator }> {
    const { id } = await this.createJob(trigger);
    const coordinator = await this.connect(id);
    await coordinator.attach();
    await coordinator.client.reportStatus({ phase: "running" });
    return { job: await this.job(id), coordinator };
  }

  /** A Coordinator for the job's sandbox, as soon as there is one. */
  async connect(jobId: string): Promise<ScriptedCoordinator> {
    await eventually(() => this.driver.specs.has(jobId));
    const { token, rpcUrl } = this.driver.specs.get(jobId) as { token: string; rpcUrl: string };
    return this.connectWith(jobId, token, rpcUrl);
  }

  connectWith(jobId: string, token: string, url = this.url): ScriptedCoordinator {
    const coordinator = connectCoordinator({ jobId, token, url });
    this.#coordinators.push(coordinator);
    return coordinator;
  }

  async job(jobId: string): Promise<Job> {
    const { job } = await this.app.queries.getJob({ jobId });
    if (!job) throw new Error(`There is no job ${jobId}.`);
    return job;
  }

  /** The job once it is final. */
  async ended(jobId: string): Promise<Job> {
    await eventually(async () => (await this.job(jobId)).finishedAt !== undefined);
    return await this.job(jobId);
  }

  /** Resolves when nothing of the job is left in the driver. */
  async gone(jobId: string): Promise<void> {
    await eventually(() => !this.driver.specs.has(jobId));
    await this.app.released(jobId);
  }

  /** The same where it takes pauses of the clock. */
  async goneInTime(jobId: string): Promise<void> {
    await eventually(async () => {
      await this.clock.advance(250);
      return !this.driver.specs.has(jobId);
    });
  }

  async log(jobId: string): Promise<string> {
    return await readFile(path.join(this.dataDirectory, "logs", `${jobId}.log`), "utf8").catch(() => "");
  }

  /** All that lies in the data directory, byte by byte: to look for what must not be there. */
  async everything(): Promise<string> {
    const entries = await readdir(this.dataDirectory, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && entry.name !== "ballast");
    const contents = await Promise.all(files.map((file) => readFile(path.join(file.parentPath, file.name), "latin1")));
    return contents.join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const coordinator of this.#coordinators) await coordinator.close();
    await this.app.stop({ graceMs: 0 });
    await rm(this.dataDirectory, { recursive: true, force: true });
  }
}

/** Lets everything else run until `condition` holds. Fails after `limitMs`, far more than anything here takes. */
export async function eventually(condition: () => Promise<boolean> | boolean, limitMs = 15_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Never came true: ${condition.toString()}`);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

function configurationOf(spec: Record<string, unknown> = {}): BlueprintConfiguration {
  const document = { apiVersion: "danube.dev/v1" };
  return BlueprintConfigurationSchema.parse({
    config: { ...document, kind: "Config", spec: {} },
    users: [],
    teams: [],
    pipelines: [
      {
        ...document,
        kind: "Pipeline",
        metadata: { name: "app" },
        spec: { repository: "https://forge.invalid/team/app.git", ...spec },
      },
      {
        ...document,
        kind: "Pipeline",
        metadata: { name: "other" },
        spec: { repository: "https://forge.invalid/x.git" },
      },
    ],
  });
}
