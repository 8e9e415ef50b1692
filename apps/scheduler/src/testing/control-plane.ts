// The part of a control plane that a scheduler sees, over a real database: jobs are created, admitted and ended, but nothing
// runs. A test plays the forge and the runtime.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { planChanges } from "@danube/blueprint";
import { createQueries, openReader } from "@danube/db/read";
import {
  applyConfiguration,
  decideTrigger,
  explainJob,
  getAppliedConfiguration,
  getJob,
  getTrigger,
  openWriter,
  recordBlueprintSync,
  recordTrigger,
  requestCancellation,
  transitionJob,
  type WriteTransaction,
} from "@danube/db/write";
import { type Clock, newId, silentLogger, systemClock } from "@danube/kit";
import {
  type BlueprintConfiguration,
  type Change,
  type Commands,
  commandMethods,
  DanubeError,
  type Job,
  parseWith,
  type Queries,
  type TriggerEvent,
} from "@danube/protocol";

/** The commands that a scheduler calls. */
export type SchedulerCommands = Pick<
  Commands,
  | "recordTrigger"
  | "decideTrigger"
  | "admitJob"
  | "explainPending"
  | "cancelJob"
  | "applyBlueprint"
  | "recordBlueprintSync"
>;

export interface TestControlPlane extends AsyncDisposable {
  readonly queries: Queries;
  readonly commands: Commands;
  readonly changes: { watch(signal: AbortSignal): AsyncIterable<Change> };
  /** Every change so far. */
  readonly told: readonly Change[];
  apply(configuration: BlueprintConfiguration): Promise<void>;
  /** Stores a trigger, as a webhook would; the same `key` is the same happening. */
  trigger(event: Partial<TriggerEvent>, key?: string): Promise<string>;
  /** Ends an active job, as the runtime would. */
  end(jobId: string): Promise<void>;
  jobs(): Promise<Job[]>;
}

export interface TestControlPlaneOptions {
  readonly clock?: Clock;
  /** Called before and after each command; may throw to make it fail, or its answer get lost. */
  readonly fault?: (when: "before" | "after", command: keyof SchedulerCommands) => void;
}

export async function createTestControlPlane(options: TestControlPlaneOptions = {}): Promise<TestControlPlane> {
  const { clock = systemClock, fault = () => undefined } = options;
  const dataDirectory = mkdtempSync(path.join(tmpdir(), "danube-scheduler-"));
  const writer = await openWriter({ dataDirectory, logger: silentLogger, clock, ballastBytes: 4_096 });
  const reader = openReader({ dataDirectory });
  const queries = createQueries(reader);
  const watchers = new Set<(change: Change) => void>();
  const told: Change[] = [];

  async function commit<T>(work: (transaction: WriteTransaction, emit: (change: Change) => void) => T): Promise<T> {
    let changes: Change[] = [];
    const result = await writer.transaction((transaction) => {
      changes = [];
      return work(transaction, (change) => changes.push(change));
    });
    for (const change of changes) {
      told.push(change);
      for (const tell of watchers) tell(change);
    }
    return result;
  }

  const emitJob = (transaction: WriteTransaction, emit: (change: Change) => void, jobId: string): Job => {
    const { job } = getJob(transaction, jobId);
    emit({ type: "job", job });
    return job;
  };
  const cancel = (
    transaction: WriteTransaction,
    emit: (change: Change) => void,
    jobId: string,
    reason: "superseded" | "cancelled_by_user",
  ): void => {
    const { outcome } = requestCancellation(transaction, { jobId, reason, message: "Cancelled." });
    if (outcome === "cancelled" || outcome === "requested") emitJob(transaction, emit, jobId);
  };

  const handlers: SchedulerCommands = {
    recordTrigger: ({ id, deduplicationKey, event }) =>
      commit((transaction, emit) => {
        const recorded = recordTrigger(transaction, { id, deduplicationKey, event });
        if (!recorded.duplicate) emit({ type: "trigger", trigger: getTrigger(transaction, recorded.triggerId) });
        return recorded;
      }),
    decideTrigger: (request) =>
      commit((transaction, emit) => {
        const parsed = parseWith(commandMethods.decideTrigger.request, request, "The decision");
        const result = decideTrigger(transaction, parsed);
        if (result.alreadyDecided) return result;
        for (const job of result.jobs) emitJob(transaction, emit, job.id);
        for (const jobId of parsed.jobs.flatMap((job) => job.supersedes))
          cancel(transaction, emit, jobId, "superseded");
        emit({ type: "trigger", trigger: getTrigger(transaction, request.triggerId) });
        return result;
      }),
    admitJob: ({ jobId, expectedVersion }) =>
      commit((transaction, emit) => {
        const to = { status: "scheduling" } as const;
        const { changed } = transitionJob(transaction, { jobId, expectedVersion, to });
        if (changed) emitJob(transaction, emit, jobId);
        return { admitted: changed };
      }),
    explainPending: (request) =>
      commit((transaction, emit) => {
        explainJob(transaction, request);
        emitJob(transaction, emit, request.jobId);
        return {};
      }),
    cancelJob: ({ jobId, reason = "cancelled_by_user" }) =>
      commit((transaction, emit) => {
        cancel(transaction, emit, jobId, reason);
        return { job: getJob(transaction, jobId).job };
      }),
    applyBlueprint: (request) =>
      commit((transaction, emit) => {
        const { syncId, commitSha, startedAt } = request;
        const { configuration } = parseWith(commandMethods.applyBlueprint.request, request, "The configuration");
        const changes = planChanges(getAppliedConfiguration(transaction).configuration, configuration);
        applyConfiguration(transaction, { configuration, commitSha, newId });
        const sync = { id: syncId, commitSha, errors: [], changesApplied: changes.length, startedAt };
        recordBlueprintSync(transaction, { ...sync, status: "applied" });
        emit({ type: "configuration", commitSha });
        return { changes };
      }),
    recordBlueprintSync: ({ syncId, ...sync }) =>
      commit((transaction) => {
        recordBlueprintSync(transaction, { ...sync, id: syncId, changesApplied: 0 });
        return {};
      }),
  };
  const commands = Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      async (request: never) => {
        fault("before", name as keyof SchedulerCommands);
        const response = await (handler as (request: never) => Promise<unknown>)(request);
        fault("after", name as keyof SchedulerCommands);
        return response;
      },
    ]),
  ) as unknown as Commands;

  return {
    queries,
    commands,
    changes: { watch: (signal) => watch(watchers, signal) },
    told,
    async apply(configuration) {
      const startedAt = clock.now().toISOString();
      await handlers.applyBlueprint({ syncId: newId(), commitSha: newId(), configuration, startedAt });
    },
    async trigger(event, key = newId()) {
      const whole: TriggerEvent = { type: "push", forge: "github", repositoryUrls: [], ...event };
      return (await handlers.recordTrigger({ id: newId(), deduplicationKey: key, event: whole })).triggerId;
    },
    end: (jobId) =>
      commit((transaction, emit) => {
        const { job } = getJob(transaction, jobId);
        if (job.status === "scheduling") transitionJob(transaction, { jobId, to: { status: "running" } });
        const to =
          job.status === "pending"
            ? ({ status: "cancelled", reason: "cancelled_by_user", message: "Cancelled." } as const)
            : ({ status: "success" } as const);
        if (!transitionJob(transaction, { jobId, to }).changed)
          throw new DanubeError("conflict", `Job ${jobId} cannot end from ${job.status}.`);
        emitJob(transaction, emit, jobId);
      }),
    async jobs() {
      const { items } = await queries.listJobs({ limit: 500 });
      return items.reverse();
    },
    async [Symbol.asyncDispose]() {
      reader.close();
      await writer.close();
    },
  };
}

async function* watch(watchers: Set<(change: Change) => void>, signal: AbortSignal): AsyncGenerator<Change> {
  const queue: Change[] = [{ type: "reset" }];
  let wake = () => {};
  const tell = (change: Change) => {
    queue.push(change);
    wake();
  };
  const stop = () => wake();
  signal.addEventListener("abort", stop, { once: true });
  watchers.add(tell);
  try {
    while (!signal.aborted) {
      for (let change = queue.shift(); change; change = queue.shift()) yield change;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (queue.length > 0 || signal.aborted) resolve();
      });
    }
  } finally {
    watchers.delete(tell);
    signal.removeEventListener("abort", stop);
  }
}
