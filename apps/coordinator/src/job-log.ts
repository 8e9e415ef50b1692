// What the pipeline file and the checkout print, on its way to the job's log: by offset, in order, one request at a time.
import { StringDecoder } from "node:string_decoder";
import type { Logger } from "@danube/kit";
import type { JobMethods } from "@danube/protocol";
import type { RpcClient } from "@danube/rpc";

/** Characters in one request; the protocol allows more, but JSON may make six bytes of one. */
const requestCharacters = 262_144;
/** Characters that wait while the control plane is away. What a pipeline file prints beyond is dropped, and that is said. */
const waitingCharacters = 16 * 1_048_576;

export interface JobLog {
  /** Takes text or UTF-8 bytes; a character may be split over two calls. */
  write(chunk: string | Uint8Array): void;
  /** Writes a line of our own, or several; on a line by itself. */
  note(text: string): void;
  /** Resolves when everything written before is stored. Does not reject: what cannot be stored is told to the logger. */
  flush(): Promise<void>;
}

export function createJobLog(client: Pick<RpcClient<JobMethods>, "appendLog">, logger: Logger): JobLog {
  const decoder = new StringDecoder("utf8");
  let waiting = "";
  let droppedCharacters = 0;
  let offset = 0;
  let endsLine = true;
  let refused = false;
  let sending: Promise<void> | undefined;

  const append = (text: string): void => {
    if (text === "" || refused) return;
    endsLine = text.endsWith("\n");
    if (waiting.length + text.length > waitingCharacters) droppedCharacters += text.length;
    else waiting += text;
    sending ??= send().finally(() => {
      sending = undefined;
    });
  };
  const send = async (): Promise<void> => {
    // What is written in the same turn goes along.
    await Promise.resolve();
    while (waiting !== "" || droppedCharacters > 0) {
      const text = takeText();
      try {
        await client.appendLog({ offset, text });
      } catch (error) {
        refused = true;
        waiting = "";
        droppedCharacters = 0;
        return logger.error("The job's log does not take what the pipeline file prints", { error });
      }
      offset += Buffer.byteLength(text);
    }
  };
  const takeText = (): string => {
    // A pair of surrogates must not be cut in two.
    const cut = /[\uD800-\uDBFF]/.test(waiting[requestCharacters - 1] ?? "")
      ? requestCharacters - 1
      : requestCharacters;
    const text = waiting.slice(0, cut);
    waiting = waiting.slice(cut);
    if (waiting !== "" || droppedCharacters === 0) return text.toWellFormed();
    const told = `\n[danube: ${droppedCharacters} characters that the pipeline file printed are missing here]\n`;
    droppedCharacters = 0;
    return text.toWellFormed() + told;
  };

  return {
    write(chunk) {
      append(typeof chunk === "string" ? decoder.end() + chunk : decoder.write(Buffer.from(chunk)));
    },
    note(text) {
      append(`${endsLine ? "" : "\n"}${text.replace(/\n*$/, "\n")}`);
    },
    async flush() {
      await sending;
    },
  };
}
