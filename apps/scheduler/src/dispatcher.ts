// The heart of the scheduler: triggers come in, jobs come of them, and waiting jobs go ahead when there is room.
//
// It holds the configuration and the active jobs in memory, and never writes itself: what it asks of the writer is conditional
// (a trigger is decided once, a job is admitted at the version that was seen), so that being behind does no harm.
//
//   load      at the start, on every `reset`, every 10 s to be safe, and after any failure: everything is looked up again.
//             Nothing else is under way meanwhile; changes that arrive are kept and taken in afterwards.
//   decide    triggers in the order in which they came; several at once, but one at a time for each ref and pull request.
//             A job's place is taken in memory before the writer is asked, and given back if it is refused.
//   admit     whenever something changed.
import { type Clock, type Cancel, type Logger, now } from "@danube/kit";
import {
  type Change,
  type Commands,
  isDanubeError,
  type Job,
  type NewJob,
  type Queries,
  type Trigger,
} from "@danube/protocol";
import { createJobQueue, type JobQueue } from "./admission/job-queue.ts";
import { limitsOf } from "./admission/limits.ts";
import { reservePlace } from "./admission/reserve-place.ts";
import { findStaleExplanations } from "./admission/waiting-message.ts";
import type { Configuration } from "./configuration.ts";
import { conflictKeyOf } from "./decide/conflict-key.ts";
import { decide, type Decision } from "./decide/decide.ts";
import { createRecentIds } from "./recent-ids.ts";
import { createWaitingTriggers } from "./waiting-triggers.ts";

export interface DispatcherDependencies {
  readonly queries: Pick<Queries, "getConfiguration" | "listActiveJobs" | "listUndecidedTriggers" | "getJob">;
  readonly commands: Pick<Commands, "decideTrigger" | "admitJob" | "explainPending" | "cancelJob">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId: () => string;
  /** Called with each configuration, the first one included. */
  readonly onConfiguration: (configuration: Configuration) => void;
}

export interface Dispatcher {
  /** Takes in a change. Call it for each one, in order. */
  take(change: Change): void;
  /** Begins to load. */
  start(): void;
  /** Begins nothing new, and resolves when what was begun has ended. */
  stop(): Promise<void>;
  /** Resolves when everything known has been decided and admitted, or waits for a later time. For tests. */
  idle(): Promise<void>;
}

const pollMs = 10_000;
const retryMs = 1_000;
const mostAtOnce = 16;
const triggersAtOnce = 500;
const explanationsAtOnce = 50;
/** How often a trigger whose decision is refused for good is tried again, with everything looked up anew in between. */
const mostRefusals = 3;

export function createDispatcher(dependencies: DispatcherDependencies): Dispatcher {
  const { queries, commands, clock, logger, newId } = dependencies;
  let configuration: Configuration | undefined;
  let queue: JobQueue | undefined;
  const waiting = createWaitingTriggers();
  const decided = createRecentIds(10_000);
  const refusals = new Map<string, number>();
  let early: Change[] = [];
  let inFlight = 0;
  let isLoading = false;
  let mustLoad = false;
  let mayHaveMore = false;
  /** Whether what is in memory can be built on; not after a call of which it is unknown what it did. */
  let isTrusted = false;
  let isStopped = false;
  let cancelPoll: Cancel = () => undefined;
  let cancelRetry: Cancel = () => undefined;
  let idleWaiters: (() => void)[] = [];
  /** Does whatever can be done now. Everything that happens ends here. */
  function proceed(): void {
    if (!isStopped && !isLoading) {
      if (mustLoad) {
        if (inFlight === 0) void load();
      } else if (isTrusted && queue && configuration) {
        admitAll(queue);
        decideAll(queue, configuration);
        if (mayHaveMore && waiting.size === 0 && inFlight === 0) loadSoon();
      }
    }
    if (inFlight === 0 && !isLoading && (isStopped || !mustLoad)) {
      const waiters = idleWaiters;
      idleWaiters = [];
      for (const resolve of waiters) resolve();
    }
  }

  function loadSoon(): void {
    mustLoad = true;
    proceed();
  }

  /** Something failed: nothing is done before everything is known again. The pause is there to not press a writer in trouble. */
  function loadLater(): void {
    isTrusted = false;
    cancelRetry();
    cancelRetry = clock.setTimeout(loadSoon, retryMs);
  }

  async function load(): Promise<void> {
    isLoading = true;
    mustLoad = false;
    cancelPoll();
    try {
      const [loaded, { jobs }, { triggers }] = await Promise.all([
        queries.getConfiguration({}),
        queries.listActiveJobs({}),
        queries.listUndecidedTriggers({ limit: triggersAtOnce }),
      ]);
      setConfiguration(loaded, jobs);
      waiting.clear();
      for (const trigger of triggers) enqueue(trigger);
      mayHaveMore = triggers.length === triggersAtOnce;
      isTrusted = true;
      cancelPoll = clock.setTimeout(poll, pollMs);
    } catch (error) {
      logger.warn("The scheduler cannot look up what there is to do; it will try again", { error });
      loadLater();
    }
    isLoading = false;
    const changes = early;
    early = [];
    for (const change of changes) takeIn(change);
    proceed();
  }

  function poll(): void {
    explainAll();
    loadSoon();
  }

  function setConfiguration(loaded: Configuration, jobs: readonly Job[]): void {
    const limits = limitsOf(loaded);
    configuration = loaded;
    queue ??= createJobQueue(limits);
    queue.replaceAll(jobs, limits);
    dependencies.onConfiguration(loaded);
  }

  function takeIn(change: Change): void {
    switch (change.type) {
      case "reset":
      case "configuration":
        mustLoad = true;
        return;
      case "job":
        queue?.update(change.job);
        return;
      case "trigger": {
        const { trigger } = change;
        if (trigger.status === "decided") {
          decided.add(trigger.id);
          waiting.delete(trigger.id);
        } else if (!decided.has(trigger.id)) enqueue(trigger);
        return;
      }
      case "step":
      case "log":
      case "heartbeat":
        return;
    }
  }

  function enqueue(trigger: Trigger): void {
    waiting.add(trigger, conflictKeyOf(trigger));
  }

  function begin(work: Promise<void>): void {
    inFlight++;
    void work.finally(() => {
      inFlight--;
      proceed();
    });
  }

  function admitAll(queue: JobQueue): void {
    for (let job = queue.next(); job; job = queue.next()) {
      queue.admit(job.id);
      begin(admit(queue, job));
    }
  }

  async function admit(queue: JobQueue, job: { readonly id: string; readonly version: number }): Promise<void> {
    try {
      const { admitted } = await commands.admitJob({ jobId: job.id, expectedVersion: job.version });
      if (!admitted) await lookUp(queue, job.id);
    } catch (error) {
      logger.warn("A job could not be admitted; it will be tried again", { jobId: job.id, error });
      loadLater();
    }
  }

  /** The writer knows better: takes in the job as it is. */
  async function lookUp(queue: JobQueue, jobId: string): Promise<void> {
    const { job } = await queries.getJob({ jobId });
    if (!job) return queue.forget(jobId);
    queue.update(job);
    if (queue.find(jobId)?.version === job.version && job.status === "pending") queue.hold(jobId);
  }

  function decideAll(queue: JobQueue, configuration: Configuration): void {
    while (inFlight < mostAtOnce) {
      const taken = waiting.take();
      if (taken === undefined) return;
      begin(decideOne(queue, configuration, taken.trigger).finally(() => taken.release()));
    }
  }

  async function decideOne(queue: JobQueue, configuration: Configuration, trigger: Trigger): Promise<void> {
    const triggerId = trigger.id;
    let jobs: readonly NewJob[] = [];
    try {
      const decision = await prepare(queue, configuration, trigger);
      for (const { jobId, message } of decision.cancels) await cancel(queue, jobId, message, trigger);
      jobs = decision.jobs.map((job) => reservePlace({ queue, configuration, job, createdAt: now(clock) }));
      const { outcome } = decision;
      const result = await commands.decideTrigger({ triggerId, jobs: [...jobs], outcome });
      for (const job of result.jobs) queue.update(job);
      const stored = new Set(result.jobs.map((job) => job.id));
      for (const job of jobs) if (!stored.has(job.id)) queue.forget(job.id);
      if (!result.alreadyDecided)
        for (const jobId of jobs.flatMap((job) => job.supersedes ?? [])) queue.markCancelling(jobId);
      decided.add(triggerId);
      refusals.delete(triggerId);
      logger.info(`Decided a ${trigger.event.type} trigger: ${outcome}`, { triggerId, jobs: result.jobs.length });
    } catch (error) {
      for (const job of jobs) queue.forget(job.id);
      const isPassing = isDanubeError(error) && error.retryable;
      if (!isPassing) refusals.set(triggerId, (refusals.get(triggerId) ?? 0) + 1);
      logger.error("A trigger could not be decided; it will be tried again", { triggerId, error });
      loadLater();
    }
  }

  async function prepare(queue: JobQueue, configuration: Configuration, trigger: Trigger): Promise<Decision> {
    if ((refusals.get(trigger.id) ?? 0) >= mostRefusals)
      return {
        jobs: [],
        cancels: [],
        outcome: "The decision failed again and again; the scheduler's log has the error.",
      };
    const { type, parentJobId } = trigger.event;
    const parentJob =
      type === "rerun" && parentJobId !== undefined ? (await queries.getJob({ jobId: parentJobId })).job : undefined;
    return decide({ trigger, configuration, activeJobs: queue, parentJob, newId });
  }

  async function cancel(queue: JobQueue, jobId: string, message: string, { event }: Trigger): Promise<void> {
    const actor = { subject: event.actor ?? event.forge };
    const { job } = await commands.cancelJob({ jobId, reason: "cancelled_by_user", actor, message });
    queue.markCancelling(jobId);
    queue.update(job);
  }

  function explainAll(): void {
    if (!queue || isStopped) return;
    for (const explanation of findStaleExplanations(queue, explanationsAtOnce)) {
      const explaining = commands.explainPending(explanation).then(
        () => undefined,
        (error: unknown) => logger.debug("A waiting job could not be explained", { jobId: explanation.jobId, error }),
      );
      begin(explaining);
    }
  }

  return {
    take(change) {
      if (isLoading) early.push(change);
      else takeIn(change);
      proceed();
    },
    start: loadSoon,
    async stop() {
      isStopped = true;
      cancelPoll();
      cancelRetry();
      await this.idle();
    },
    idle: () =>
      new Promise((resolve) => {
        idleWaiters.push(resolve);
        proceed();
      }),
  };
}
