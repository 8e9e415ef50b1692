// Writes the body of an HTTP/2 stream, no faster than the other side takes it.
import type { Http2Stream } from "node:http2";
import type { Problem } from "@danube/protocol";
import { connectionLost } from "./body-reader.ts";
import { headerNames, maxHeaderJsonCharacters } from "./content.ts";

export interface BodyWriter {
  /** Sends the chunks together. Resolves when there is room for more; rejects with `connection_lost` once the stream closed. */
  write(...chunks: readonly Uint8Array[]): Promise<void>;
  /** Ends the body with the trailer that calls it whole, or with the problem that cut it short. Needs `waitForTrailers`. */
  end(problem?: Problem): void;
}

/** A writer for the body of `stream`; only one for each stream. */
export function createBodyWriter(stream: Http2Stream): BodyWriter {
  let waiting: { resolve: () => void; reject: (error: unknown) => void }[] = [];
  const release = (): typeof waiting => {
    const released = waiting;
    waiting = [];
    return released;
  };
  stream.on("drain", () => {
    for (const { resolve } of release()) resolve();
  });
  stream.once("close", () => {
    for (const { reject } of release()) reject(connectionLost());
  });
  const isOpen = (): boolean => !stream.destroyed && !stream.closed && !stream.writableEnded;

  return {
    async write(...chunks) {
      if (!isOpen()) throw connectionLost();
      let room = true;
      if (chunks.length > 1) stream.cork();
      for (const chunk of chunks) room = stream.write(chunk);
      if (chunks.length > 1) stream.uncork();
      if (room) return;
      await new Promise<void>((resolve, reject) => {
        waiting.push({ resolve, reject });
      });
    },
    end(problem) {
      if (!isOpen()) return;
      stream.once("wantTrailers", () => {
        if (stream.destroyed || stream.closed) return;
        stream.sendTrailers(problem ? { [headerNames.problem]: encodeProblem(problem) } : { [headerNames.end]: "1" });
      });
      stream.end();
    },
  };
}

/** A problem that fits into a trailer: its single errors are left out, and its sentence is cut, if they are too long. */
function encodeProblem(problem: Problem): string {
  const encode = (value: Problem): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const whole = encode(problem);
  if (whole.length <= maxHeaderJsonCharacters) return whole;
  const { type, title, status, code } = problem;
  return encode({ type, title, status, code, detail: problem.detail.slice(0, 1_000) });
}
