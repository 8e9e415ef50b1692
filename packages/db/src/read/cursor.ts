import { DanubeError } from "@danube/protocol";
import { z } from "zod";

/** A place in a list that is ordered by time and id, newest first: what comes next is older than this. */
const Cursor = z.tuple([z.string(), z.string()]);

export interface Position {
  readonly createdAt: string;
  readonly id: string;
}

/** Before the newest row: greater than any time and any id. */
const start: Position = { createdAt: "~", id: "~" };

export function toCursor(position: Position): string {
  return Buffer.from(JSON.stringify([position.createdAt, position.id])).toString("base64url");
}

/** Throws `invalid_request` for anything that `toCursor` did not make. */
export function fromCursor(cursor: string | undefined): Position {
  if (cursor === undefined) return start;
  try {
    const [createdAt, id] = Cursor.parse(JSON.parse(Buffer.from(cursor, "base64url").toString()));
    return { createdAt, id };
  } catch (cause) {
    throw new DanubeError("invalid_request", "The cursor is not one that an earlier page gave.", { cause });
  }
}
