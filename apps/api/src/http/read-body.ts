import type { IncomingMessage } from "node:http";
import { DanubeError } from "@danube/protocol";

/**
 * The raw bytes of a request's body. Throws `payload_too_large` as soon as it is known to have more than `mostBytes`, whether
 * it says so or comes in chunks, and `connection_lost` when the client goes away before its end.
 */
export function readBody(incoming: IncomingMessage, mostBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(incoming.headers["content-length"]) > mostBytes) return reject(tooLarge(mostBytes));
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const onData = (chunk: Buffer): void => {
      sizeBytes += chunk.length;
      chunks.push(chunk);
      if (sizeBytes > mostBytes) settle(() => reject(tooLarge(mostBytes)));
    };
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    const onClose = (): void =>
      settle(() => reject(new DanubeError("connection_lost", "The client went away before the end of its request.")));
    const settle = (finish: () => void): void => {
      incoming.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
      finish();
    };
    incoming.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}

function tooLarge(mostBytes: number): DanubeError {
  return new DanubeError("payload_too_large", `The body has more than ${mostBytes} bytes.`);
}
