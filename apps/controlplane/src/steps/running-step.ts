// One step that was asked for and has not ended: launched, timed, probed, signalled; its output taken in and its end stored.
//
// The step belongs to its job and not to a connection. `serve` is the server's side of one run-step call (the exchange is
// numbered in protocol/job-methods.ts); a later call for the same step takes the place of the one before.
//
// Longer than other files: launch, time, loss and end of a step all decide on the same few facts.
import type { Cancel, Clock, Logger } from "@danube/kit";
import type { LogSource } from "@danube/logs";
import { DanubeError, isDanubeError, type StepClientFrame, type StepOffsets, type StepResult } from "@danube/protocol";
import type { DuplexFrame } from "@danube/rpc";
import { retry } from "../jobs/retry.ts";
import type { Stopwatch, TimeMark } from "../jobs/stopwatch.ts";
import type { SignalReason, StepHost } from "./step-host.ts";
import { StepOutbox } from "./step-outbox.ts";
import { resultOfExit } from "./step-result.ts";
import type { StepTimings } from "./step-timings.ts";

/** What is known of a step from its row, also after a restart. */
export interface StepDescription {
  readonly stepId: string;
  readonly name: string;
  readonly worker?: string;
  readonly timeoutMs?: number;
  readonly startedMark: TimeMark;
  readonly signalled?: SignalReason;
}

/** What only the Coordinator's request tells. After a restart it is known once the Coordinator has called again. */
export interface StepLaunch {
  readonly script: Uint8Array;
  readonly capture: boolean;
}

export interface RunningStepDependencies {
  readonly host: StepHost;
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  readonly timings: StepTimings;
  readonly logger: Logger;
}

type Frames = AsyncIterable<DuplexFrame<StepClientFrame>>;
interface Sources {
  readonly output: LogSource;
  readonly stdout?: LogSource;
}

/** So many bytes may wait to be written for one step before its connection has to wait. */
const maxPendingBytes = 8 * 1_048_576;

export class RunningStep {
  readonly description: StepDescription;
  readonly #dependencies: RunningStepDependencies;
  readonly #timers = new Set<Cancel>();
  #startedMark: TimeMark;
  #signalled: SignalReason | undefined;
  #connection: AbortController | undefined;
  #sources: Promise<Sources> | undefined;
  #launch: Promise<void> | undefined;
  #launched = false;
  #ending: Promise<StepResult> | undefined;
  #result: StepResult | undefined;
  #lastSignMs: number;

  /** `result`: of a step that had ended before this process began. */
  constructor(description: StepDescription, dependencies: RunningStepDependencies, result?: StepResult) {
    this.#result = result;
    this.description = description;
    this.#dependencies = dependencies;
    this.#startedMark = description.startedMark;
    this.#signalled = description.signalled;
    this.#lastSignMs = dependencies.clock.monotonicMs();
  }

  /** How it ended, if it has. */
  get result(): StepResult | undefined {
    return this.#result;
  }

  /**
   * Goes on with a step that an earlier process launched, before its Coordinator has called again: its time counts, its process
   * is looked after, and what it was told it is told again.
   */
  resume(): void {
    this.#launched = true;
    this.#armTimeout();
    this.#armProbe();
    if (this.#signalled) void this.#deliverSignals();
  }

  /** Serves one run-step call until the step has ended or the call is over. */
  async *serve(launch: StepLaunch, frames: Frames, callSignal: AbortSignal) {
    const connection = this.#takeOver();
    const signal = AbortSignal.any([connection.signal, callSignal, this.#dependencies.host.signal]);
    const outbox = new StepOutbox();
    const onAbort = () => outbox.end(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const sources = await this.#openSources(launch.capture);
      await until(signal, this.#ensureLaunched(launch));
      yield { type: "accepted" as const, offsets: offsetsOf(sources, "received") };
      if (this.#result) outbox.result(this.#result);
      else void this.#read(sources, frames, outbox, signal);
      yield* outbox.frames();
    } finally {
      signal.removeEventListener("abort", onAbort);
      connection.abort(new DanubeError("connection_lost", "The call is over.", { ids: this.#ids }));
    }
  }

  /** Tells the command to end: SIGTERM now, SIGKILL after the grace. The first reason stays. */
  async tellToEnd(reason: SignalReason): Promise<void> {
    if (this.#signalled || this.#ending || this.#result) return;
    this.#signalled = reason;
    const { host, logger } = this.#dependencies;
    // Stored first: should this process die in between, an exit status of 0 must still not look like a success.
    await host.recordSignal(this.description.stepId, reason).catch((error: unknown) => {
      logger.warn("A step's signal could not be stored; it is sent all the same", { ...this.#ids, error });
    });
    await this.#deliverSignals();
  }

  /** Stops all timers: the job is over or this process ends. */
  release(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  get #ids() {
    return { jobId: this.#dependencies.host.jobId, stepId: this.description.stepId };
  }

  #takeOver(): AbortController {
    const connection = new AbortController();
    this.#connection?.abort(
      new DanubeError("conflict", "A newer connection has taken over this step.", { ids: this.#ids }),
    );
    this.#connection = connection;
    return connection;
  }

  async #openSources(capture: boolean): Promise<Sources> {
    this.#sources ??= this.#dependencies.host.log().then((log) => ({
      output: log.source(this.description.stepId),
      ...(capture ? { stdout: log.source(`${this.description.stepId}/stdout`) } : {}),
    }));
    return await this.#sources;
  }

  #ensureLaunched(launch: StepLaunch): Promise<void> {
    if (this.#result) return Promise.resolve();
    this.#launch ??= this.#doLaunch(launch).catch((error: unknown) => {
      this.#launch = undefined;
      throw error;
    });
    return this.#launch;
  }

  async #doLaunch({ script, capture }: StepLaunch): Promise<void> {
    const { host, clock, timings, logger, stopwatch } = this.#dependencies;
    const { stepId, worker } = this.description;
    const resumed = this.#launched;
    try {
      await until(host.signal, host.ready);
      const probe = await retry(() => host.exec(worker, { verb: "launch", stepId, capture, script }), {
        clock,
        firstMs: timings.retryFirstMs,
        longestMs: timings.retryLongestMs,
        signal: host.signal,
        onFailure: (error, failures) =>
          logger.warn("A step's launch is not certain; asking again", { ...this.#ids, failures, error }),
      });
      this.#launched = true;
      if (probe.state === "dead") return this.#lose();
    } catch (error) {
      if (!host.signal.aborted)
        host.fail(`The step "${this.description.name}" could not be launched: ${sentence(error)}`);
      throw error;
    }
    this.#sawSign();
    if (resumed) return;
    // The command's time does not count while the launch was uncertain.
    if (stopwatch.elapsedMs(this.#startedMark) > timings.retryFirstMs) {
      this.#startedMark = stopwatch.mark();
      host.recordStart(stepId, this.#startedMark);
    }
    this.#armTimeout();
    this.#armProbe();
    if (this.#signalled) void this.#deliverSignals();
  }

  async #read(sources: Sources, frames: Frames, outbox: StepOutbox, signal: AbortSignal): Promise<void> {
    let pendingBytes = 0;
    try {
      for await (const { frame, payload } of frames) {
        if (signal.aborted) return;
        this.#sawSign();
        if (frame.type === "exit") {
          const result = await this.#end(sources, frame);
          return outbox.result(result);
        }
        const source = frame.stream === "stdout" ? sources.stdout : sources.output;
        if (!source) throw this.#violation("It sent captured output of a step that captures nothing.");
        if (!payload) continue;
        pendingBytes += payload.length;
        const appended = this.#append(source, frame.offset, payload, () => outbox.ack(offsetsOf(sources, "offset")))
          .catch((error: unknown) => outbox.end(error))
          .finally(() => {
            pendingBytes -= payload.length;
          });
        if (pendingBytes > maxPendingBytes) await appended;
      }
      outbox.end();
    } catch (error) {
      outbox.end(error);
    }
  }

  async #append(source: LogSource, offset: number, payload: Buffer, onStored: () => void): Promise<void> {
    try {
      await source.append(offset, payload);
      onStored();
    } catch (error) {
      this.#appendFailed(error);
      throw error;
    }
  }

  #appendFailed(error: unknown): void {
    // Whatever the Coordinator sent wrongly is its own matter. What we can't store ends the job: it must never hang.
    if (isDanubeError(error, "protocol_violation") || this.#dependencies.host.signal.aborted) return;
    this.#dependencies.host.fail(`The log could not be written: ${sentence(error)}`);
  }

  #end(sources: Sources, exit: Extract<StepClientFrame, { type: "exit" }>): Promise<StepResult> {
    this.#ending ??= this.#storeEnd(sources, exit).catch((error: unknown) => {
      this.#ending = undefined;
      if (isDanubeError(error, "storage_full")) this.#appendFailed(error);
      throw error;
    });
    return this.#ending;
  }

  async #storeEnd(sources: Sources, exit: Extract<StepClientFrame, { type: "exit" }>): Promise<StepResult> {
    const { host, stopwatch } = this.#dependencies;
    await sources.output.end(exit.sizes.output);
    if (sources.stdout) await sources.stdout.end(exit.sizes.stdout);
    else if (exit.sizes.stdout !== 0)
      throw this.#violation("It counts captured output of a step that captures nothing.");
    const log = await host.log();
    // Looked at before the sync: what comes meanwhile of other steps is not on the disk yet.
    const logOffsetEnd = log.sizeBytes;
    await log.sync();
    const result = resultOfExit({
      exitCode: exit.exitCode,
      durationMs: Math.round(stopwatch.elapsedMs(this.#startedMark)),
      signalled: this.#signalled,
      timeoutMs: this.description.timeoutMs,
      outOfMemory: exit.outOfMemory,
    });
    const reason = exit.outOfMemory && result.status === "failure" ? "oom_killed" : undefined;
    await host.recordEnd(this.description.stepId, { result, logOffsetEnd, reason });
    this.#result = result;
    this.release();
    return result;
  }

  async #deliverSignals(): Promise<void> {
    const { timings } = this.#dependencies;
    this.#arm(timings.killAfterMs, () => void this.#send("KILL"));
    await this.#send("TERM");
  }

  async #send(name: "TERM" | "KILL"): Promise<void> {
    // Before its launch is certain there is nothing to signal; the launch signals again when it is.
    if (!this.#launched || this.#result) return;
    const { host, clock, timings, logger } = this.#dependencies;
    const { stepId, worker } = this.description;
    try {
      await retry(() => host.exec(worker, { verb: "signal", stepId, signal: name }), {
        clock,
        firstMs: timings.retryFirstMs,
        longestMs: timings.retryLongestMs,
        signal: host.signal,
      });
    } catch (error) {
      if (!host.signal.aborted) logger.warn("A step could not be signalled", { ...this.#ids, signal: name, error });
    }
  }

  #armTimeout(): void {
    const { timeoutMs } = this.description;
    if (timeoutMs === undefined || this.#signalled) return;
    const leftMs = timeoutMs - this.#dependencies.stopwatch.elapsedMs(this.#startedMark);
    this.#arm(Math.max(0, leftMs), () => void this.tellToEnd("timeout"));
  }

  #sawSign(): void {
    this.#lastSignMs = this.#dependencies.clock.monotonicMs();
  }

  #armProbe(): void {
    const { clock, timings } = this.#dependencies;
    const silentMs = clock.monotonicMs() - this.#lastSignMs;
    this.#arm(Math.max(1, timings.probeIntervalMs - silentMs), () => void this.#probe());
  }

  async #probe(): Promise<void> {
    const { host, clock, timings, logger } = this.#dependencies;
    if (this.#result || host.signal.aborted) return;
    if (clock.monotonicMs() - this.#lastSignMs < timings.probeIntervalMs) return this.#armProbe();
    try {
      if (await this.#isGone()) {
        await new Promise<void>((resolve) => this.#arm(timings.confirmLossMs, resolve));
        if (!this.#ending && !host.signal.aborted && (await this.#isGone()) && !this.#ending) return this.#lose();
      }
    } catch (error) {
      if (host.signal.aborted) return;
      if (isDanubeError(error, "sandbox_missing")) return host.fail("The job's sandbox is gone.");
      logger.debug("A step could not be probed; it is presumed to run", { ...this.#ids, error });
    }
    this.#sawSign();
    this.#armProbe();
  }

  async #isGone(): Promise<boolean> {
    const { stepId, worker } = this.description;
    const probe = await this.#dependencies.host.exec(worker, { verb: "probe", stepId });
    return probe.state === "absent" || probe.state === "dead";
  }

  #lose(): void {
    this.#dependencies.host.fail(
      `The process of the step "${this.description.name}" is gone, and it left no exit status.`,
    );
  }

  #violation(message: string): DanubeError {
    return new DanubeError("protocol_violation", `The Coordinator broke the protocol: ${message}`, { ids: this.#ids });
  }

  #arm(ms: number, run: () => void): void {
    const cancel = this.#dependencies.clock.setTimeout(() => {
      this.#timers.delete(cancel);
      run();
    }, ms);
    this.#timers.add(cancel);
  }
}

function offsetsOf(sources: Sources, which: "offset" | "received"): StepOffsets {
  return { output: sources.output[which], stdout: sources.stdout?.[which] ?? 0 };
}

function sentence(error: unknown): string {
  return isDanubeError(error) ? error.message : "an error of ours; the server's log has it.";
}

/** Waits for `work`, or rejects with the signal's reason as soon as it aborts. */
function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
