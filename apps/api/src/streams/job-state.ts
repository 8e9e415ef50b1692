// What the stream of one job tells beside its log: the job and its steps, each as the newest event.
import { isFinal, type Job, type Step } from "@danube/protocol";
import { encodeEvent, type SseFrame } from "./sse-frame.ts";

export interface StateEvent {
  /** Grows with every event of this job's stream. */
  readonly sequence: number;
  readonly frame: SseFrame;
}

/** Keeps the newest state of a job. However often it changes, a client that was away is told once of each thing. */
export class JobState {
  #job: Job;
  readonly #steps = new Map<string, Step>();
  /** By what they are about; the order of a Map is that of the last change. */
  readonly #events = new Map<string, StateEvent>();
  #sequence = 0;

  constructor(job: Job, steps: readonly Step[]) {
    this.#job = job;
    this.#record("job", "job", job);
    for (const step of steps) this.applyStep(step);
  }

  get job(): Job {
    return this.#job;
  }

  /** The sequence of the newest event. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The event to send, or undefined if this is nothing new. */
  applyJob(job: Job): StateEvent | undefined {
    if (job.version <= this.#job.version) return undefined;
    this.#job = job;
    return this.#record("job", "job", job);
  }

  /** The event to send, or undefined if this is nothing new, or older than what is known. */
  applyStep(step: Step): StateEvent | undefined {
    const known = this.#steps.get(step.id);
    if (known !== undefined && known.status !== "running" && step.status === "running") return undefined;
    if (known !== undefined && JSON.stringify(known) === JSON.stringify(step)) return undefined;
    this.#steps.set(step.id, step);
    return this.#record(step.id, "step", step);
  }

  /** The events after `sequence`, oldest first. */
  *eventsAfter(sequence: number): Generator<StateEvent> {
    if (sequence >= this.#sequence) return;
    for (const event of this.#events.values()) if (event.sequence > sequence) yield event;
  }

  get isFinal(): boolean {
    return isFinal(this.#job.status);
  }

  #record(about: string, event: "job" | "step", data: Job | Step): StateEvent {
    this.#sequence += 1;
    const recorded = { sequence: this.#sequence, frame: encodeEvent({ event, data }) };
    this.#events.delete(about);
    this.#events.set(about, recorded);
    return recorded;
  }
}
