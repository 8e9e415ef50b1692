// What the server has to say on a run-step call: acknowledgements, of which only the newest matters, and at last the result.
import type { StepOffsets, StepResult, StepServerFrame } from "@danube/protocol";

export class StepOutbox {
  #ack: StepOffsets | undefined;
  #result: StepResult | undefined;
  #end: { readonly error?: unknown } | undefined;
  #wake: () => void = () => {};

  /** These bytes are safe. Takes the place of an acknowledgement that was not sent yet. */
  ack(offsets: StepOffsets): void {
    this.#ack = offsets;
    this.#wake();
  }

  /** The step has ended: the last frame. */
  result(result: StepResult): void {
    this.#result ??= result;
    this.#wake();
  }

  /** No further frame, with or without an error. A result that was given before still goes out. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake();
  }

  async *frames(): AsyncGenerator<StepServerFrame> {
    for (;;) {
      if (this.#ack) {
        const offsets = this.#ack;
        this.#ack = undefined;
        yield { type: "ack", offsets };
      } else if (this.#result) {
        yield { type: "result", result: this.#result };
        return;
      } else if (this.#end) {
        if ("error" in this.#end) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
