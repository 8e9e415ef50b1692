// The streams of all jobs that somebody reads now, each loaded when its first reader comes and let go after its last.
import type { Clock, Logger } from "@danube/kit";
import { type Change, DanubeError, isFinal, type Job, type Queries, type Step } from "@danube/protocol";
import type { ChangeFeed } from "./change-feed.ts";
import { JobState } from "./job-state.ts";
import { JobStream } from "./job-stream.ts";
import type { LogSource, OpenLogSource } from "./log-source.ts";
import type { SseClient } from "./sse-clients.ts";

export interface JobStreamsOptions {
  readonly queries: Pick<Queries, "getJob" | "listSteps">;
  readonly feed: ChangeFeed;
  /** The log of a job; it is closed when nobody reads it any more. */
  readonly openLog: (jobId: string) => OpenLogSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long after a job's end the log's own end is waited for, before its size counts as final. */
  readonly logEndGraceMs: number;
}

/** A job's stream, held for one reader. */
export interface HeldStream {
  /** Gives the stream to `client`, which has every byte before `offset`; let go when it closes. */
  attach(client: SseClient, offset: number): void;
  release(): void;
}

interface Entry {
  readonly log: OpenLogSource;
  readonly loaded: Promise<JobStream>;
  stream: JobStream | undefined;
  holders: number;
  /** Changes that came while it was being loaded. */
  missed: Change[];
  awaitingLogEnd: boolean;
}

export class JobStreams {
  readonly #options: JobStreamsOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: JobStreamsOptions) {
    this.#options = options;
    options.feed.subscribe((change) => this.#apply(change));
  }

  /** Throws a DanubeError `not_found` when there is no such job. Whoever holds a stream has to attach a client or release it. */
  async hold(jobId: string, offset: number): Promise<HeldStream> {
    const entry = this.#entries.get(jobId) ?? this.#create(jobId);
    entry.holders += 1;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      entry.holders -= 1;
      if (entry.holders === 0) this.#drop(jobId, entry);
    };
    try {
      const stream = await entry.loaded;
      // Another api process may have been further already when the client left it.
      if (offset > stream.sizeBytes) stream.grow(await entry.log.sizeBytes(), false);
      return {
        attach: (client, from) => {
          client.onClose = release;
          stream.add(client, from);
        },
        release,
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  /** How many jobs are being watched. */
  get size(): number {
    return this.#entries.size;
  }

  #create(jobId: string): Entry {
    const log = this.#options.openLog(jobId);
    const entry: Entry = {
      log,
      loaded: this.#load(jobId, log, (stream) => {
        entry.stream = stream;
        for (const change of entry.missed) stream.apply(change);
        entry.missed = [];
        // The log is complete before the job's end is stored: whoever finds the job ended can have all of it.
        if (stream.awaitsLogEnd) void this.#endLog(entry, stream);
      }),
      stream: undefined,
      holders: 0,
      missed: [],
      awaitingLogEnd: false,
    };
    this.#entries.set(jobId, entry);
    return entry;
  }

  async #load(jobId: string, log: LogSource, ready: (stream: JobStream) => void): Promise<JobStream> {
    const { job, steps } = await this.#lookUp(jobId);
    const sizeBytes = await log.sizeBytes();
    const stream = new JobStream({ state: new JobState(job, steps), log, sizeBytes, logger: this.#options.logger });
    ready(stream);
    return stream;
  }

  async #lookUp(jobId: string): Promise<{ job: Job; steps: Step[] }> {
    const { job } = await this.#options.queries.getJob({ jobId });
    if (job === undefined) throw new DanubeError("not_found", `There is no job ${jobId}.`, { ids: { jobId } });
    const { steps } = await this.#options.queries.listSteps({ jobId });
    return { job, steps };
  }

  #apply(change: Change): void {
    if (change.type === "reset") {
      for (const [jobId, entry] of this.#entries) void this.#refresh(jobId, entry);
      return;
    }
    const jobId = jobOf(change);
    const entry = jobId === undefined ? undefined : this.#entries.get(jobId);
    if (entry === undefined) return;
    if (entry.stream === undefined) entry.missed.push(change);
    else {
      entry.stream.apply(change);
      this.#awaitLogEnd(entry);
    }
  }

  /** Looks everything up again: changes may have been missed. */
  async #refresh(jobId: string, entry: Entry): Promise<void> {
    try {
      const stream = await entry.loaded;
      const { job, steps } = await this.#lookUp(jobId);
      if (this.#entries.get(jobId) !== entry) return;
      for (const step of steps) stream.apply({ type: "step", step });
      stream.apply({ type: "job", job });
      // Looked up after the job: if that is over, this is all there will be.
      stream.grow(await entry.log.sizeBytes(), isFinal(job.status));
    } catch (error) {
      if (this.#entries.get(jobId) !== entry) return;
      // The next reset, which comes with the next connection to the writer, tries again.
      this.#options.logger.warn("A job's stream could not be refreshed", { jobId, error });
    }
  }

  /** A job that ended before our eyes: the log's own end is told next. Should that be missed, it is found out by itself. */
  #awaitLogEnd(entry: Entry): void {
    const { stream } = entry;
    if (stream === undefined || entry.awaitingLogEnd || !stream.awaitsLogEnd) return;
    entry.awaitingLogEnd = true;
    const { clock, logEndGraceMs } = this.#options;
    clock.setTimeout(() => void this.#endLog(entry, stream), logEndGraceMs);
  }

  async #endLog(entry: Entry, stream: JobStream): Promise<void> {
    try {
      stream.grow(await entry.log.sizeBytes(), true);
    } catch (error) {
      if (entry.holders === 0) return;
      this.#options.logger.error("The end of a job's log could not be found", { error });
      stream.close();
    }
  }

  #drop(jobId: string, entry: Entry): void {
    if (this.#entries.get(jobId) !== entry) return;
    this.#entries.delete(jobId);
    entry.log
      .close()
      .catch((error: unknown) => this.#options.logger.warn("A log could not be closed", { jobId, error }));
  }
}

function jobOf(change: Change): string | undefined {
  switch (change.type) {
    case "job":
      return change.job.id;
    case "step":
      return change.step.jobId;
    case "log":
      return change.jobId;
    default:
      return undefined;
  }
}
