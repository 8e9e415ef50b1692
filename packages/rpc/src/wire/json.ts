// JSON in bodies and in headers, read strictly.
import { DanubeError, type ErrorCode, parseWith } from "@danube/protocol";
import type { z } from "zod";
import { maxHeaderJsonCharacters } from "./content.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Parses bytes as one JSON value and checks it. Throws `code` when the bytes are not UTF-8, not JSON or not valid. */
export function parseJson<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  what: string,
  code: ErrorCode,
): z.output<S> {
  return parseWith(schema, parseJsonValue(bytes, what, code), what, code);
}

/** The same without a check of the value. */
export function parseJsonValue(bytes: Uint8Array, what: string, code: ErrorCode): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    throw new DanubeError(code, `${what} is not valid JSON in UTF-8.`, { cause: error });
  }
}

/** A JSON value as a header's value: base64url, so that no text of users is in it as it is. */
export function encodeHeaderJson(value: unknown, what: string): string {
  const text = Buffer.from(JSON.stringify(value)).toString("base64url");
  if (text.length > maxHeaderJsonCharacters)
    throw new DanubeError("payload_too_large", `${what} is too large for a header (${text.length} characters).`);
  return text;
}

/** Reads such a header. Throws `code` when it is absent or not valid. */
export function decodeHeaderJson<S extends z.ZodType>(
  schema: S,
  header: string | readonly string[] | undefined,
  what: string,
  code: ErrorCode,
): z.output<S> {
  if (typeof header !== "string") throw new DanubeError(code, `${what} is missing.`);
  return parseJson(schema, Buffer.from(header, "base64url"), what, code);
}
