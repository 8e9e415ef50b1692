// The frames of a duplex request: a JSON line each, followed by as many raw bytes as its `length` says.
import { DanubeError } from "@danube/protocol";
import type { z } from "zod";
import type { DuplexFrame } from "../handler.ts";
import { parseWith } from "@danube/protocol";
import { maxPayloadBytes } from "./content.ts";
import type { FrameReader } from "./frame-reader.ts";
import { parseJsonValue } from "./json.ts";

/** Yields the frames up to the end of a whole body. Throws `invalid_request` for a frame that is not valid. */
export async function* readDuplexFrames<S extends z.ZodType>(
  reader: FrameReader,
  schema: S,
): AsyncGenerator<DuplexFrame<z.output<S>>, void, undefined> {
  for (let line = await reader.line(); line; line = await reader.line()) {
    const value = parseJsonValue(line, "A frame", "invalid_request");
    const frame = parseWith(schema, value, "A frame");
    const sizeBytes = payloadSize(value);
    yield sizeBytes === 0 ? { frame } : { frame, payload: await reader.bytes(sizeBytes) };
  }
}

/** Checks that a frame announces its payload. Throws `protocol_violation`, for it is the sender's own mistake. */
export function checkPayload(frame: unknown, payload: Uint8Array | undefined): void {
  const announced = payloadSize(frame);
  const given = payload?.length ?? 0;
  if (announced !== given)
    throw new DanubeError("protocol_violation", `The frame announces ${announced} bytes and comes with ${given}.`);
}

/** Bytes that follow a frame: its `length`. Throws `invalid_request` when that is not a size, or beyond the limit. */
function payloadSize(frame: unknown): number {
  const length = typeof frame === "object" && frame !== null && "length" in frame ? frame.length : 0;
  if (typeof length !== "number" || !Number.isInteger(length) || length < 0)
    throw new DanubeError("invalid_request", "The length of a frame must be a whole number of 0 or more.");
  if (length > maxPayloadBytes)
    throw new DanubeError("payload_too_large", `A frame has ${length} bytes; at most ${maxPayloadBytes} are allowed.`);
  return length;
}
