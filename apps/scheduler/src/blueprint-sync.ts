// Keeps the applied configuration equal to the Blueprint: asks for the branch's tip, and when it moved, fetches, checks and
// applies. Whatever is wrong, the last good configuration stays.
//
// What is stored: every application; a failure when it is new, or an hour after it was stored last; of the runs that find
// nothing new, only the first after a failure, for it is the good news. The metrics count every run.
import {
  type BlueprintLocation,
  fetchBlueprint,
  findBlueprintCommit,
  formatBlueprintError,
  formatPlan,
  parseBlueprint,
} from "@danube/blueprint";
import { type Clock, createLoop, type Logger, type Metrics, now } from "@danube/kit";
import { type BlueprintChange, type Commands, isDanubeError, type Queries } from "@danube/protocol";

export interface BlueprintSource
  extends Pick<BlueprintLocation, "url" | "branch" | "directory" | "sshKeyPath" | "token"> {
  /** How often the branch's tip is asked for. */
  readonly intervalMs: number;
}

export type SyncResult =
  | { readonly status: "applied"; readonly commitSha: string; readonly changes: readonly BlueprintChange[] }
  | { readonly status: "unchanged"; readonly commitSha: string }
  | { readonly status: "failed"; readonly commitSha?: string; readonly errors: readonly string[] };

export interface BlueprintSyncDependencies {
  readonly source: BlueprintSource;
  readonly queries: Pick<Queries, "getConfiguration" | "listBlueprintSyncs">;
  readonly commands: Pick<Commands, "applyBlueprint" | "recordBlueprintSync">;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly newId: () => string;
}

export interface BlueprintSync {
  start(): void;
  /**
   * Syncs at once, after the run that may be going on. Looks at the files again even if their commit failed before, and
   * resolves to what came of it. Rejects only when it is stopped.
   */
  syncNow(): Promise<SyncResult>;
  stop(): Promise<void>;
}

const sameFailureMs = 3_600_000;
const mostErrorsStored = 200;

export function createBlueprintSync(dependencies: BlueprintSyncDependencies): BlueprintSync {
  const { source, queries, commands, metrics, clock, logger, newId } = dependencies;
  const stop = new AbortController();
  let turn: Promise<unknown> = Promise.resolve();
  let lastStored: "applied" | "unchanged" | "failed" | undefined;
  /** The failure of the last run: of a commit whose files are wrong, or of the fetching. */
  let failure: { readonly commitSha?: string; readonly errors: readonly string[]; storedMs: number } | undefined;

  const loop = createLoop({
    name: "blueprint sync",
    intervalMs: source.intervalMs,
    run: async () => void (await inTurn(false)),
    logger,
    clock,
  });

  function inTurn(isForced: boolean): Promise<SyncResult> {
    const result = turn.then(() => measured(isForced));
    turn = result.catch(() => undefined);
    return result;
  }

  async function measured(isForced: boolean): Promise<SyncResult> {
    stop.signal.throwIfAborted();
    const startMs = clock.monotonicMs();
    const result = await sync(isForced);
    metrics.blueprintSyncDurationSeconds.observe((clock.monotonicMs() - startMs) / 1_000);
    metrics.blueprintSyncTotal.increment({ status: result.status });
    if (result.status !== "failed") {
      failure = undefined;
      metrics.blueprintSyncLastSuccess.set(clock.now().getTime() / 1_000);
    }
    return result;
  }

  async function sync(isForced: boolean): Promise<SyncResult> {
    const startedAt = now(clock);
    const location = { ...source, signal: stop.signal };
    try {
      const { commitSha: applied } = await queries.getConfiguration({});
      const tip = await findBlueprintCommit(location);
      if (tip === applied) return await unchanged(tip, startedAt);
      if (!isForced && failure && tip === failure.commitSha) return await failed({ ...failure, startedAt });
      const { commitSha, files } = await fetchBlueprint(location);
      if (commitSha === applied) return await unchanged(commitSha, startedAt);
      const parsed = parseBlueprint(files);
      if (!parsed.ok) return await failed({ commitSha, errors: parsed.errors.map(formatBlueprintError), startedAt });
      const { configuration } = parsed;
      const { changes } = await commands.applyBlueprint({ syncId: newId(), commitSha, configuration, startedAt });
      logger.info("The Blueprint was applied", { commitSha, changes: changes.length, plan: formatPlan(changes) });
      lastStored = "applied";
      return { status: "applied", commitSha, changes };
    } catch (error) {
      if (stop.signal.aborted) throw error;
      if (!isDanubeError(error)) logger.error("The Blueprint's sync failed unexpectedly", { error });
      const sentence = isDanubeError(error)
        ? error.message
        : "The sync failed unexpectedly; the scheduler's log has the error.";
      return failed({ errors: [sentence], startedAt });
    }
  }

  async function unchanged(commitSha: string, startedAt: string): Promise<SyncResult> {
    lastStored ??= (await queries.listBlueprintSyncs({ limit: 1 })).syncs[0]?.status ?? "applied";
    if (lastStored === "failed") {
      await commands.recordBlueprintSync({ syncId: newId(), status: "unchanged", commitSha, errors: [], startedAt });
      lastStored = "unchanged";
    }
    return { status: "unchanged", commitSha };
  }

  async function failed(found: {
    readonly commitSha?: string;
    readonly errors: readonly string[];
    readonly startedAt: string;
  }): Promise<SyncResult> {
    const { commitSha, startedAt } = found;
    const errors = found.errors.slice(0, mostErrorsStored);
    const isKnown = failure && failure.commitSha === commitSha && failure.errors.join("\n") === errors.join("\n");
    const storedMs = isKnown && failure ? failure.storedMs : Number.NEGATIVE_INFINITY;
    failure = { commitSha, errors, storedMs };
    if (clock.monotonicMs() - storedMs >= sameFailureMs) {
      logger.error("The Blueprint could not be applied; the last good configuration stays", { commitSha, errors });
      try {
        await commands.recordBlueprintSync({ syncId: newId(), status: "failed", commitSha, errors, startedAt });
        failure.storedMs = clock.monotonicMs();
        lastStored = "failed";
      } catch (error) {
        logger.warn("The failure of the Blueprint's sync could not be stored", { error });
      }
    }
    return { status: "failed", commitSha, errors };
  }

  return {
    start: () => loop.start(),
    syncNow: () => inTurn(true),
    async stop() {
      stop.abort();
      await loop.stop();
      await turn;
    },
  };
}
