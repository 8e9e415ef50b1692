// What the pipeline file and the checkout print, on its way to the job's log: by offset, in order, one request at a time.
import { StringDecoder } from "node:string_decoder";
import type { Logger } from "@danube/kit";
import { isDanubeError, type JobMethods } from "@danube/protocol";
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
  /** Resolves when everything written before was taken. Does not reject: what cannot be stored is told to the logger. */
  flush(): Promise<void>;
  /**
   * Like flush, and the log's end: what is written from now on is dropped. Resolves with whether everything is stored that
   * was written before, but for what the log itself tells to be missing.
   */
  end(): Promise<boolean>;
}

/** What was sent and may still be lost with the control plane's memory. */
interface SentText {
  readonly offset: number;
  readonly text: string;
}

export function createJobLog(client: Pick<RpcClient<JobMethods>, "appendLog">, logger: Logger): JobLog {
  const decoder = new StringDecoder("utf8");
  let waiting = "";
  let droppedCharacters = 0;
  let offset = 0;
  const sent: SentText[] = [];
  let endsLine = true;
  let refused = false;
  let ended = false;
  let sending: Promise<void> | undefined;

  const append = (text: string): void => {
    if (text === "" || refused || ended) return;
    endsLine = text.endsWith("\n");
    if (waiting.length + text.length > waitingCharacters) droppedCharacters += text.length;
    else waiting += text;
    sending ??= send().finally(() => {
      sending = undefined;
    });
  };
  const hasMore = (): boolean => waiting !== "" || droppedCharacters > 0;
  const send = async (): Promise<void> => {
    // What is written in the same turn goes along.
    await Promise.resolve();
    while (hasMore()) {
      const text = takeText();
      sent.push({ offset, text });
      offset += Buffer.byteLength(text);
      await deliver({ ...(sent.at(-1) as SentText), final: false });
    }
  };
  const deliver = async (part: SentText & { readonly final: boolean }): Promise<void> => {
    if (refused) return;
    try {
      try {
        forget(await client.appendLog(part));
      } catch (error) {
        // A control plane that was started again has forgotten what it had held back.
        if (!isDanubeError(error, "protocol_violation")) throw error;
        for (const earlier of sent.slice()) forget(await client.appendLog(earlier));
        if (part.final) forget(await client.appendLog(part));
      }
    } catch (error) {
      refused = true;
      waiting = "";
      droppedCharacters = 0;
      logger.error("The job's log does not take what the pipeline file prints", { error });
    }
  };
  const forget = ({ offset: stored }: { readonly offset: number }): void => {
    while (sent[0] !== undefined && sent[0].offset + Buffer.byteLength(sent[0].text) <= stored) sent.shift();
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
    async end() {
      await sending;
      ended = true;
      await deliver({ offset, text: "", final: true });
      return !refused;
    },
  };
}
