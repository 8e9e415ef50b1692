// The stream on which a Coordinator hears of its job: what it is about, that it was cancelled, and that we are alive.
import type { Cancel, Clock } from "@danube/kit";
import { type AttachEvent, DanubeError, type JobContext } from "@danube/protocol";
import type { JobEnding } from "./transition.ts";

export interface AttachmentsOptions {
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly context: () => JobContext;
  /** How the job was asked to end, if it was. */
  readonly ending: () => JobEnding | undefined;
  readonly onAttach: () => void;
  readonly onDetach: () => void;
}

export class Attachments {
  readonly #options: AttachmentsOptions;
  #current: AbortController | undefined;
  #wake: () => void = () => {};

  constructor(options: AttachmentsOptions) {
    this.#options = options;
  }

  get attached(): boolean {
    return this.#current !== undefined;
  }

  /** Lets the attached Coordinator hear of what changed. */
  notify(): void {
    this.#wake();
  }

  /** Serves one attach call until `signal` aborts or a newer call takes over. Ends without an error when the job is over. */
  async *serve(callSignal: AbortSignal, jobSignal: AbortSignal): AsyncGenerator<AttachEvent> {
    const { clock, heartbeatMs, context, ending, onAttach, onDetach } = this.#options;
    const own = new AbortController();
    this.#current?.abort(new DanubeError("conflict", "A newer connection of this Coordinator has taken over."));
    this.#current = own;
    onAttach();
    const signal = AbortSignal.any([own.signal, callSignal, jobSignal]);
    let told = false;
    let beat = false;
    let cancelBeat: Cancel = () => {};
    const armBeat = () => {
      cancelBeat = clock.setTimeout(() => {
        beat = true;
        this.#wake();
        armBeat();
      }, heartbeatMs);
    };
    const onAbort = () => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    armBeat();
    try {
      yield { type: "context", context: context() };
      for (;;) {
        if (jobSignal.aborted || callSignal.aborted) return;
        own.signal.throwIfAborted();
        const asked = ending();
        if (asked && !told) {
          told = true;
          yield { type: "cancel", reason: asked.reason, message: asked.message };
        } else if (beat) {
          beat = false;
          yield { type: "heartbeat" };
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
            if (signal.aborted) resolve();
          });
        }
      }
    } finally {
      cancelBeat();
      signal.removeEventListener("abort", onAbort);
      if (this.#current === own) {
        this.#current = undefined;
        onDetach();
      }
    }
  }
}
