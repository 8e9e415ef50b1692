// The local driver: a sandbox is a directory, and its Coordinator and commands are processes of this machine.
//
// It isolates nothing. All workers of a job are this machine, images are not used, services are not started. Jobs see the
// files, the network and the home directory of the user whom the server runs as.
//
// Whatever it knows is in the sandboxes' directories (see sandbox-directory.ts), so that a driver made later finds it.
import { createHash } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { DanubeError, Id } from "@danube/protocol";
import {
  type LauncherCommand,
  launcherScript,
  type RuntimeDriver,
  type SandboxObservation,
  type SandboxSpec,
  type StepProbe,
} from "@danube/runtime";
import { adoptSandbox, endOf } from "./adopt-sandbox.ts";
import type { CoordinatorProcess } from "./coordinator-process.ts";
import { deleteSandbox } from "./delete-sandbox.ts";
import type { LocalDriverLogger } from "./driver-logger.ts";
import { type HostEnvironment, markOf } from "./job-environment.ts";
import { makeSandbox } from "./make-sandbox.ts";
import { createPreparedCoordinators, type PreparedCoordinators } from "./prepared-coordinators.ts";
import { isAlive } from "./process-table.ts";
import {
  environmentPath,
  listJobIds,
  openRoot,
  type RootPaths,
  removeTree,
  type SandboxPaths,
  type SandboxRecord,
  sandboxPaths,
  writeWhole,
} from "./sandbox-directory.ts";
import { launchStep, probeStep, signalStep } from "./step-launcher.ts";
import { createSupervisorStarter, type SupervisorStarter } from "./supervisor-starter.ts";

export interface LocalDriverOptions {
  /** Absolute path of the directory that holds the sandboxes; made if missing. At most one driver at a time uses it. */
  readonly root: string;
  /** The command that starts a Coordinator; the path of its sandbox.json is added as the last argument. */
  readonly coordinatorCommand: readonly string[];
  readonly logger: LocalDriverLogger;
  /** How many Coordinators are kept started and waiting for a job, beside those that pipelines ask for. Default 0. */
  readonly warm?: number;
  /** The environment of which jobs get the few variables that are on the allow-list. Default: this process' own. */
  readonly environment?: HostEnvironment;
}

interface Sandbox {
  readonly jobId: string;
  readonly paths: SandboxPaths;
  /** Absent while it is being made, and for one whose making was interrupted. */
  record?: SandboxRecord;
  making?: Promise<void>;
  deleting?: Promise<void>;
  observation: SandboxObservation;
  /** Lets go of the Coordinator, if it is our child; an adopted one is looked after by the poll. */
  release?: () => void;
}

const pollMs = 500;

/** Makes the driver. Nothing happens before `start`. */
export function createLocalDriver(options: LocalDriverOptions): RuntimeDriver {
  const { coordinatorCommand, logger, warm = 0, environment: host = process.env } = options;
  const sandboxes = new Map<string, Sandbox>();
  /** What the pipelines ask for together: a waiting Coordinator is good for any of them. */
  let warmPipelines = 0;
  const listeners = new Set<(observation: SandboxObservation) => void>();
  let started:
    | { root: RootPaths; starter: SupervisorStarter; prepared: PreparedCoordinators; poll: NodeJS.Timeout }
    | undefined;

  function running(): NonNullable<typeof started> {
    if (started === undefined) throw new DanubeError("unavailable", "The local runtime is not started.");
    return started;
  }

  function observe(sandbox: Sandbox, observation: SandboxObservation): void {
    sandbox.observation = observation;
    for (const listener of listeners) listener(observation);
  }

  async function start(): Promise<void> {
    if (started !== undefined) return;
    const root = openRoot(options.root);
    const starter = createSupervisorStarter({ launcherPath: installLauncher(root) });
    for (const jobId of listJobIds(root.root)) {
      const paths = sandboxPaths(root.root, jobId);
      sandboxes.set(jobId, { jobId, paths, ...adoptSandbox(jobId, paths) });
    }
    const prepared = createPreparedCoordinators({
      size: warm + warmPipelines,
      parent: root.prepared,
      command: coordinatorCommand,
      compileCache: root.cache,
      host,
      logger,
    });
    const inUse = [...sandboxes.values()].flatMap(({ record }) => record?.preparedDirectory ?? []);
    await prepared.start(new Set(inUse));
    const poll = setInterval(pollAdopted, pollMs);
    poll.unref();
    started = { root, starter, prepared, poll };
    for (const sandbox of sandboxes.values()) observe(sandbox, sandbox.observation);
    await removeDoomed(root);
    logger.warn("The local runtime isolates nothing: jobs run as this user, with all that the user may do.", {
      root: root.root,
      sandboxes: sandboxes.size,
    });
  }

  // What an earlier process was removing. It may not be possible, and then is no reason not to work.
  async function removeDoomed({ deleting }: RootPaths): Promise<void> {
    for (const name of readdirSync(deleting))
      await removeTree(join(deleting, name)).catch((error: unknown) =>
        logger.warn("The rest of a sandbox cannot be removed.", { path: join(deleting, name), error: String(error) }),
      );
  }

  async function stop(): Promise<void> {
    if (started === undefined) return;
    const { poll, prepared, starter } = started;
    started = undefined;
    clearInterval(poll);
    for (const sandbox of sandboxes.values()) sandbox.release?.();
    await Promise.allSettled([...sandboxes.values()].map(async ({ making }) => await making));
    sandboxes.clear();
    starter.stop();
    await prepared.stop();
  }

  function pollAdopted(): void {
    for (const sandbox of sandboxes.values()) {
      const coordinator = sandbox.record?.coordinator;
      if (
        sandbox.release === undefined &&
        sandbox.observation.phase === "ready" &&
        coordinator &&
        !isAlive(coordinator)
      )
        observe(sandbox, endOf(sandbox.jobId));
    }
  }

  async function createSandbox(spec: SandboxSpec): Promise<void> {
    const { root } = running();
    if (!Id.safeParse(spec.jobId).success)
      throw new DanubeError("sandbox_failed", `"${spec.jobId}" is not the id of a job.`);
    const existing = sandboxes.get(spec.jobId);
    if (existing?.making !== undefined) return await existing.making;
    // What was interrupted before a Coordinator ran is made anew.
    if (existing?.deleting !== undefined || (existing !== undefined && existing.record?.coordinator === undefined))
      await remove(existing, 0);
    else if (existing !== undefined) return;
    const sandbox: Sandbox = {
      jobId: spec.jobId,
      paths: sandboxPaths(root.root, spec.jobId),
      observation: { jobId: spec.jobId, phase: "starting" },
    };
    sandboxes.set(spec.jobId, sandbox);
    sandbox.making = make(sandbox, spec);
    await sandbox.making;
  }

  async function make(sandbox: Sandbox, spec: SandboxSpec): Promise<void> {
    const { root, prepared } = running();
    const { jobId, paths } = sandbox;
    if (Object.keys(spec.services).length > 0)
      logger.warn("The local runtime starts no services; the job must find them elsewhere.", { jobId });
    try {
      observe(sandbox, sandbox.observation);
      const takePrepared = () => prepared.take();
      const made = await makeSandbox({ spec, paths, root, coordinatorCommand, host, takePrepared });
      sandbox.record = made.record;
      sandbox.release = () => made.coordinator.release();
      observe(sandbox, { jobId, phase: "ready" });
      void watch(sandbox, made.coordinator);
    } catch (error) {
      sandboxes.delete(jobId);
      throw error;
    } finally {
      delete sandbox.making;
    }
  }

  async function watch(sandbox: Sandbox, coordinator: CoordinatorProcess): Promise<void> {
    const { message, killed } = await coordinator.ended;
    if (sandbox.deleting === undefined) observe(sandbox, endOf(sandbox.jobId, message, killed));
  }

  async function exec(jobId: string, worker: string | undefined, command: LauncherCommand): Promise<StepProbe> {
    const { starter } = running();
    if (!Id.safeParse(command.stepId).success)
      throw new DanubeError("invalid_request", `"${command.stepId}" is not the id of a step.`, { ids: { jobId } });
    const sandbox = sandboxes.get(jobId);
    if (sandbox?.making !== undefined) await sandbox.making;
    const record = sandbox?.record;
    const missing = new DanubeError("sandbox_missing", "The job has no sandbox.", { ids: { jobId } });
    if (sandbox === undefined || record === undefined || sandbox.deleting !== undefined) throw missing;
    const place = { runDirectory: sandbox.paths.run, stepId: command.stepId };
    if (command.verb === "probe") return probeStep(place);
    if (command.verb === "signal") return await signalStep(place, command.signal);
    // A sandbox that has ended begins nothing more; what it began is still told.
    const before = probeStep(place);
    if (before.state !== "absent") return before;
    if (sandbox.observation.phase === "ended") throw missing;
    const { capture, script } = command;
    return await launchStep({
      ...place,
      starter,
      capture,
      script,
      environmentPath: environmentPath(sandbox.paths, worker),
      mark: markOf(host, jobId),
    });
  }

  function remove(sandbox: Sandbox, graceMs: number): Promise<void> {
    sandbox.deleting ??= end(sandbox, graceMs).finally(() => delete sandbox.deleting);
    return sandbox.deleting;
  }

  async function end(sandbox: Sandbox, graceMs: number): Promise<void> {
    const { root } = running();
    const { jobId, paths, record } = sandbox;
    await deleteSandbox({ jobId, paths, root, record, graceMs });
    sandbox.release?.();
    sandboxes.delete(jobId);
    if (sandbox.observation.phase !== "ended")
      observe(sandbox, { jobId, phase: "ended", message: "The sandbox was deleted." });
  }

  return {
    name: "local",
    isolation: "none",
    configure({ pipelines }) {
      warmPipelines = pipelines.reduce((sum, { spec }) => sum + spec.warm, 0);
      started?.prepared.resize(warm + warmPipelines);
    },
    start,
    stop,
    createSandbox,
    onObservation(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async listSandboxes() {
      running();
      return [...sandboxes.values()].map(({ observation }) => observation);
    },
    exec,
    async deleteSandbox(jobId, { graceMs }) {
      running();
      const sandbox = sandboxes.get(jobId);
      await sandbox?.making?.catch(() => undefined);
      if (sandbox !== undefined && sandboxes.get(jobId) === sandbox) await remove(sandbox, graceMs);
    },
    async check() {
      try {
        await access(options.root, constants.W_OK | constants.X_OK);
        return { ok: true };
      } catch {
        return { ok: false, detail: `The directory "${options.root}" cannot be written to.` };
      }
    },
  };
}

function installLauncher({ launcher }: RootPaths): string {
  const version = createHash("sha256").update(launcherScript).digest("hex").slice(0, 16);
  const path = join(launcher, `launcher-${version}.sh`);
  if (!existsSync(path)) writeWhole(path, launcherScript);
  return path;
}
