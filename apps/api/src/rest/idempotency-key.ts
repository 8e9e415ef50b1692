import { DanubeError } from "@danube/protocol";

/** The header by which a client makes a repeated request harmless. Throws `invalid_request` when it is empty or too long. */
export function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || /^[\x21-\x7e]{1,200}$/.test(header)) return header;
  throw new DanubeError("invalid_request", "An Idempotency-Key must be 1 to 200 printable characters without spaces.");
}
