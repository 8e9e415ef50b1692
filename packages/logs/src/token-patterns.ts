// Secrets that give themselves away by their form, whoever they belong to: tokens of well-known services, JWTs, private keys.
//
// A pattern begins with one of some fixed prefixes of at least 4 bytes. Its match from a given start is the longest one, depends only on
// the bytes from there on (nothing looks back), and is bounded in length: so whatever is undecided is bounded as well.
import { ByteRuns, byteClass } from "./byte-runs.ts";

/** The pattern does not match here. */
export const noMatch = -1;
/** More bytes are needed to tell whether, or how far, it matches. */
export const undecided = -2;

/** What a match is looked for in. One scan makes one, because it remembers what was seen in these bytes. */
export class TokenText {
  readonly bytes: Buffer;
  /** Whether nothing follows the bytes. */
  readonly final: boolean;
  readonly #runs = new Map<Uint8Array, ByteRuns>();
  #footerFrom = 0;
  #footerAt = -1;

  constructor(bytes: Buffer, final: boolean) {
    this.bytes = bytes;
    this.final = final;
  }

  runEnd(members: Uint8Array, from: number): number {
    let runs = this.#runs.get(members);
    if (!runs) this.#runs.set(members, (runs = new ByteRuns(this.bytes, members)));
    return runs.endOf(from);
  }

  /** The first `-----END ` at or after `from`, or the length of the bytes. */
  footerAfter(from: number): number {
    if (from < this.#footerFrom || from > this.#footerAt) {
      const at = this.bytes.indexOf(footer, from, "latin1");
      this.#footerFrom = from;
      this.#footerAt = at < 0 ? this.bytes.length : at;
    }
    return this.#footerAt;
  }
}

export interface TokenPattern {
  readonly prefixes: readonly string[];
  /** Where the match that begins at `start` (with the prefix of `prefixLength` bytes) ends, or `noMatch` or `undecided`. */
  match(text: TokenText, start: number, prefixLength: number): number;
}

const alphanumeric = byteClass(/[A-Za-z0-9]/);
const word = byteClass(/[A-Za-z0-9_]/);
const dashed = byteClass(/[A-Za-z0-9-]/);
const base64Url = byteClass(/[A-Za-z0-9_-]/);
const upperAlphanumeric = byteClass(/[A-Z0-9]/);

/** A prefix and `minimum` to `maximum` bytes of a class. */
function prefixed(prefixes: string[], members: Uint8Array, minimum: number, maximum: number): TokenPattern {
  return {
    prefixes,
    match(text, start, prefixLength) {
      const from = start + prefixLength;
      const end = text.runEnd(members, from);
      const length = Math.min(end - from, maximum);
      if (end === text.bytes.length && length < maximum && !text.final) return undecided;
      return length < minimum ? noMatch : from + length;
    },
  };
}

const longestJwtPart = 8_192;
const dot = 0x2e;

/** Three parts with dots between; the first begins with `{"` and a lower-case letter, encoded. Source: RFC 7519. */
const jsonWebToken: TokenPattern = {
  prefixes: Array.from("hijklmnopqrstuvwxyz0123456", (letter) => `eyJ${letter}`),
  match(text, start, prefixLength) {
    const size = text.bytes.length;
    let from = start + prefixLength;
    for (const minimum of [6, 10]) {
      const end = text.runEnd(base64Url, from);
      if (end - from > longestJwtPart) return noMatch;
      if (end === size) return text.final ? noMatch : undecided;
      if (end - from < minimum || text.bytes[end] !== dot) return noMatch;
      from = end + 1;
    }
    const end = text.runEnd(base64Url, from);
    const length = Math.min(end - from, longestJwtPart);
    if (end === size && length < longestJwtPart && !text.final) return undecided;
    return length < 10 ? noMatch : from + length;
  },
};

const footer = "-----END ";
const longestKeyBody = 16_384;
const longestLabel = 57;
const label = byteClass(/[A-Z0-9 ]/);
const dash = byteClass(/-/);
const keyBody = byteClass(/[A-Za-z0-9+/=\\\t\n\r ]/);
/** The body as it may be shown: with header lines, quoted, indented, or behind a log's own prefix on each line. */
const shownKeyBody = byteClass(/[A-Za-z0-9+/=\\\t\n\r :,.\-"'|_[\]]/);

/**
 * A private key in PEM or PGP armour, to its last line. If that is missing, the header and whatever could be the key after it.
 * Source: RFC 7468.
 */
const privateKey: TokenPattern = {
  prefixes: ["-----BEGIN "],
  match(text, start, prefixLength) {
    const { bytes, final } = text;
    const size = bytes.length;
    const labelStart = start + prefixLength;
    const labelEnd = text.runEnd(label, labelStart);
    if (labelEnd - labelStart > longestLabel) return noMatch;
    if (labelEnd + 5 > size && !final) {
      return text.runEnd(dash, labelEnd) === size ? undecided : noMatch;
    }
    const body = labelEnd + 5;
    if (bytes.toString("latin1", labelEnd, body) !== "-----") return noMatch;
    if (!/PRIVATE KEY(?: BLOCK)?$/.test(bytes.toString("latin1", labelStart, labelEnd))) return noMatch;
    const shownEnd = text.runEnd(shownKeyBody, body);
    const limit = body + longestKeyBody;
    const footerAt = text.footerAfter(body);
    if (footerAt <= limit && footerAt + footer.length <= shownEnd) {
      const footerLabel = footerAt + footer.length;
      const footerLabelEnd = Math.min(text.runEnd(label, footerLabel), footerLabel + longestLabel);
      if (footerLabelEnd === size && footerLabelEnd < footerLabel + longestLabel && !final) return undecided;
      const end = Math.min(text.runEnd(dash, footerLabelEnd), footerLabelEnd + 5);
      return end === size && end < footerLabelEnd + 5 && !final ? undecided : end;
    }
    if (shownEnd === size && size < limit + footer.length && !final) return undecided;
    return Math.min(text.runEnd(keyBody, body), limit);
  },
};

export const tokenPatterns: readonly TokenPattern[] = [
  jsonWebToken,
  privateKey,
  prefixed(["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], alphanumeric, 36, 255),
  prefixed(["github_pat_"], word, 22, 255),
  prefixed(["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-"], base64Url, 20, 255),
  prefixed(["xoxa-", "xoxb-", "xoxp-", "xoxr-", "xoxs-", "xapp-"], dashed, 10, 255),
  prefixed(["AKIA", "ASIA"], upperAlphanumeric, 16, 16),
  prefixed(["npm_"], alphanumeric, 36, 255),
  prefixed(["AIza"], base64Url, 35, 35),
  prefixed(["sk_live_", "rk_live_"], alphanumeric, 16, 255),
];
