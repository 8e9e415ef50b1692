import { takeWholeUtf8 } from "@danube/logs";
import { encodeEvent, type SseFrame } from "./sse-frame.ts";

export interface LogFrame {
  readonly frame: SseFrame;
  /** The offset after the bytes in it, and the event's id. */
  readonly end: number;
}

/**
 * The `log` event for `bytes`, which begin at `start` in the log. A character whose last bytes are not there yet is left for
 * the next event, unless `whole` says that nothing is to be left; undefined when that leaves nothing to send.
 */
export function encodeLog(bytes: Buffer, start: number, whole: boolean): LogFrame | undefined {
  const { text, bytesUsed } = takeWholeUtf8(bytes, whole);
  if (bytesUsed === 0) return undefined;
  const end = start + bytesUsed;
  return { frame: encodeEvent({ event: "log", id: end, data: { text } }), end };
}
