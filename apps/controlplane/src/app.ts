// The control plane: the truth of the system, and the only process that writes to the data directory.
//
//   1. createApp      takes the lock of the data directory, opens the database and the keys, takes up active jobs.
//   2. listenJobs     lets Coordinators call; those of jobs that an earlier process began come back by themselves.
//   3. listenServices lets api and scheduler call. Not needed where they are in this process and use `commands` and `queries`.
//   4. start          begins to observe sandboxes and to reconcile.
//   5. stop           ends calls, loops and files. Jobs go on in their sandboxes, and are taken up by the next process.
import { createQueries } from "@danube/db/read";
import { listActiveJobs, openWriter } from "@danube/db/write";
import { type Address, type Clock, type Logger, loopbackUrl, type Metrics, newId, systemClock } from "@danube/kit";
import {
  type Change,
  type Commands,
  DanubeError,
  jobMethods,
  type Job,
  type Queries,
  serviceMethods,
} from "@danube/protocol";
import { createRpcServer } from "@danube/rpc";
import type { RuntimeDriver } from "@danube/runtime";
import { createArtifactFiles } from "./artifacts/artifact-files.ts";
import { createJobArtifacts } from "./artifacts/job-artifacts.ts";
import { createChangeFeed } from "./changes/change-feed.ts";
import { createCommitter } from "./changes/committer.ts";
import { configureDriver } from "./commands/configure-driver.ts";
import { createCommands } from "./commands/create-commands.ts";
import { type ControlPlaneConfig, dataPaths } from "./config.ts";
import { defaultTimings, type JobEnvironment } from "./jobs/job-environment.ts";
import { createJobGauges } from "./jobs/job-gauges.ts";
import { bearerToken } from "./jobs/job-token.ts";
import { createLocalJob, type LocalJobRequest } from "./jobs/local-job.ts";
import { createOrchestrator } from "./jobs/orchestrator.ts";
import { createStopwatch, systemUptime, type Uptime } from "./jobs/stopwatch.ts";
import { createJobHandlers } from "./rpc/job-handlers.ts";
import { createServiceAuthenticator, createServiceHandlers } from "./rpc/service-handlers.ts";
import { ensureKeyFile } from "./secrets/key-file.ts";
import { openCipher } from "./secrets/open-cipher.ts";

export interface ControlPlaneDependencies {
  readonly config: Omit<ControlPlaneConfig, "jobsAddress" | "servicesAddress">;
  readonly driver: RuntimeDriver;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock?: Clock;
  readonly uptime?: Uptime;
}

export interface ControlPlane {
  readonly commands: Commands;
  readonly queries: Queries;
  readonly changes: { watch(signal: AbortSignal): AsyncIterable<Change> };
  /** The credential of this machine's own user, in `<data_dir>/keys/local.token`. Secret. */
  readonly localToken: string;
  /** The services' credential. Secret. */
  readonly serviceToken: string;
  listenJobs(address: Address): Promise<Address>;
  listenServices(address: Address): Promise<Address>;
  start(): Promise<void>;
  /** Waits for calls up to `graceMs`, then cuts them off. May be called again. */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
  /** `danube run`: a job in a directory of this machine. Local runtime only. */
  createLocalJob(request: LocalJobRequest): Promise<Job>;
  /** Resolves when a job has ended and nothing is left of it: its sandbox is gone, its log is closed. */
  released(jobId: string): Promise<void>;
  /** Compares jobs and sandboxes now, instead of at the next interval. */
  reconcile(): Promise<void>;
}

/**
 * Opens the data directory. Rejects with `data_locked`, `schema_too_new`, `corrupt` or `decryption_failed`, each with a
 * sentence for the operator; then nothing is held.
 */
export async function createApp(dependencies: ControlPlaneDependencies): Promise<ControlPlane> {
  const { config, driver, logger, metrics, clock = systemClock } = dependencies;
  const paths = dataPaths(config.dataDirectory);
  const writer = await openWriter({
    dataDirectory: config.dataDirectory,
    logger,
    clock,
    metrics,
    ballastBytes: config.ballastBytes,
  });
  try {
    const cipher = await openCipher(paths.encryptionKey, (work) => writer.read(work));
    const localToken = (await ensureKeyFile(paths.localToken)).toString("base64url");
    const serviceToken = config.serviceToken ?? (await ensureKeyFile(paths.serviceToken)).toString("base64url");
    const files = createArtifactFiles(paths.artifacts);
    await files.removeUnfinished();

    const feed = createChangeFeed({ clock });
    const gauges = createJobGauges(
      metrics,
      writer.read((transaction) => listActiveJobs(transaction)).map(({ job }) => job),
    );
    const committer = createCommitter(writer, feed, (change) => gauges.onChange(change));
    const environment: JobEnvironment = {
      writer,
      committer,
      feed,
      driver,
      cipher,
      clock,
      stopwatch: createStopwatch(clock, dependencies.uptime ?? systemUptime()),
      logger,
      metrics,
      newId,
      timings: { ...defaultTimings, ...config.timings },
      logsDirectory: paths.logs,
      rpcUrl: () => config.rpcUrl ?? loopbackUrl(jobServer.address()),
      environment: config.environment,
      allowLocalRepositories: config.allowLocalRepositories,
    };
    const orchestrator = createOrchestrator({ environment, reconcileIntervalMs: config.reconcileIntervalMs });
    const artifacts = createJobArtifacts({ writer, committer, files, maxBytes: config.maxArtifactBytes });
    const queries = createQueries(writer);
    const commands = createCommands({ environment, orchestrator, cipher });
    const jobServer = createRpcServer({
      methods: jobMethods,
      handlers: createJobHandlers({ environment, artifacts }),
      authenticate: (headers) => {
        const runner = orchestrator.findByToken(bearerToken(headers));
        if (runner) return Promise.resolve(runner);
        throw new DanubeError("unauthenticated", "The bearer token belongs to no job that is active.");
      },
      logger,
    });
    const serviceServer = createRpcServer({
      methods: serviceMethods,
      handlers: createServiceHandlers({ queries, commands, feed }),
      authenticate: createServiceAuthenticator(serviceToken),
      logger,
    });
    orchestrator.recover();

    let stopping: Promise<void> | undefined;
    const stop = async (graceMs: number): Promise<void> => {
      feed.close();
      await Promise.all([jobServer.close({ graceMs }), serviceServer.close({ graceMs }), orchestrator.stop()]);
      await writer.close();
    };
    return {
      commands,
      queries,
      changes: feed,
      localToken,
      serviceToken,
      listenJobs: (address) => jobServer.listen(address),
      listenServices: (address) => serviceServer.listen(address),
      async start() {
        configureDriver(environment);
        await orchestrator.start();
      },
      stop: ({ graceMs = 5_000 } = {}) => (stopping ??= stop(graceMs)),
      createLocalJob: (request) => createLocalJob(environment, orchestrator, request),
      released: (jobId) => orchestrator.released(jobId),
      reconcile: () => orchestrator.reconcile(),
    };
  } catch (error) {
    await writer.close();
    throw error;
  }
}
