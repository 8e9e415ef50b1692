// Takes JSON lines, and the raw bytes that may follow one, out of a body.
//
// A payload inside one chunk is handed out as a view of it; one that spans chunks is copied once, into its own buffer.
import { DanubeError, type ErrorCode } from "@danube/protocol";
import { type BodyReader, connectionLost } from "./body-reader.ts";

export interface FrameReaderOptions {
  readonly maxLineBytes: number;
  /** The error for what the other side does wrong. */
  readonly code: ErrorCode;
}

export interface FrameReader {
  /** The next line without its newline; undefined at the end of a whole body. */
  line(): Promise<Buffer | undefined>;
  /** The next `sizeBytes` raw bytes. */
  bytes(sizeBytes: number): Promise<Buffer>;
}

const newline = 10;
const nothing = Buffer.alloc(0);

export function createFrameReader(body: BodyReader, { maxLineBytes, code }: FrameReaderOptions): FrameReader {
  let chunk: Buffer = nothing;
  let offset = 0;

  /** Makes unread bytes available; false at the end. */
  const fill = async (): Promise<boolean> => {
    while (offset >= chunk.length) {
      const next = await body.next();
      if (next === undefined) {
        body.checkWhole();
        return false;
      }
      chunk = next;
      offset = 0;
    }
    return true;
  };
  const tooLong = (): DanubeError =>
    new DanubeError("payload_too_large", `A line is longer than ${maxLineBytes} bytes.`);

  return {
    async line() {
      if (!(await fill())) return undefined;
      const parts: Buffer[] = [];
      let sizeBytes = 0;
      for (;;) {
        const at = chunk.indexOf(newline, offset);
        const end = at === -1 ? chunk.length : at;
        const part = chunk.subarray(offset, end);
        offset = at === -1 ? end : at + 1;
        sizeBytes += part.length;
        if (sizeBytes > maxLineBytes) throw tooLong();
        if (at !== -1) return parts.length === 0 ? part : Buffer.concat([...parts, part]);
        parts.push(part);
        if (!(await fill())) throw new DanubeError(code, "The last line has no newline.");
      }
    },
    async bytes(sizeBytes) {
      if (chunk.length - offset >= sizeBytes) {
        const view = chunk.subarray(offset, offset + sizeBytes);
        offset += sizeBytes;
        return view;
      }
      const target = Buffer.allocUnsafe(sizeBytes);
      let filled = 0;
      while (filled < sizeBytes) {
        if (!(await fill())) throw connectionLost();
        const taken = chunk.copy(target, filled, offset, offset + sizeBytes - filled);
        filled += taken;
        offset += taken;
      }
      return target;
    },
  };
}
