/**
 * The text of `bytes`, without the beginning of a character that is cut off at their end: at most 3 bytes are left for the
 * next time (`bytesUsed` tells). Invalid bytes become U+FFFD. With `final` nothing is left.
 */
export function takeWholeUtf8(_bytes: Uint8Array, _final = false): { text: string; bytesUsed: number } {
  throw new Error("not yet");
}
