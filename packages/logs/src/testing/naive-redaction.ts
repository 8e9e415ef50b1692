// What the redactor must give, found the slow and obvious way; for tests.
import { type Secret, secretNeedles } from "../redactor.ts";

const tokenPatterns = [
  /eyJ[h-z0-6][\w-]{6,8192}\.[\w-]{10,8192}\.[\w-]{10,8192}/y,
  /-----BEGIN (?=[A-Z0-9 ]{0,57}-----)[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?:[A-Za-z0-9+/=\\\t\n\r :,.\-"'|_[\]]{0,16384}?-----END [A-Z0-9 ]{0,57}-{0,5}|[A-Za-z0-9+/=\\\t\n\r ]{0,16384})/y,
  /gh[pousr]_[A-Za-z0-9]{36,255}/y,
  /github_pat_\w{22,255}/y,
  /gl(?:pat|dt|rt|cbt|ptt)-[\w-]{20,255}/y,
  /(?:xox[abprs]|xapp)-[A-Za-z0-9-]{10,255}/y,
  /A[KS]IA[A-Z0-9]{16}/y,
  /npm_[A-Za-z0-9]{36,255}/y,
  /AIza[\w-]{35}/y,
  /[sr]k_live_[A-Za-z0-9]{16,255}/y,
];

/** Every occurrence of every needle and every token from every start; the union of the ranges becomes `***`. Latin-1 in and out. */
export function naiveRedaction(secrets: readonly Secret[], text: string): string {
  const ends = new Map<number, number>();
  const mark = (start: number, end: number): void => void ends.set(start, Math.max(end, ends.get(start) ?? 0));
  for (const needle of secretNeedles(secrets).map((bytes) => bytes.toString("latin1"))) {
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) mark(at, at + needle.length);
  }
  for (const pattern of tokenPatterns) {
    for (let at = 0; at < text.length; at++) {
      pattern.lastIndex = at;
      const match = pattern.exec(text);
      if (match) mark(at, at + match[0].length);
    }
  }
  let result = "";
  let maskEnd = -1;
  for (let at = 0; at < text.length; at++) {
    const end = ends.get(at);
    if (end !== undefined) {
      if (at > maskEnd) result += "***";
      maskEnd = Math.max(maskEnd, end);
    }
    if (at >= maskEnd) result += text[at];
  }
  return result;
}
