/**
 * The text of `bytes`, without the beginning of a character that is cut off at their end: at most 3 bytes are left for the
 * next time (`bytesUsed` tells). Invalid bytes become U+FFFD. With `final` nothing is left.
 */
export function takeWholeUtf8(bytes: Uint8Array, final = false): { text: string; bytesUsed: number } {
  const bytesUsed = final ? bytes.length : bytes.length - unfinishedBytes(bytes);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytesUsed).toString("utf8");
  return { text, bytesUsed };
}

/** How many bytes at the end begin a character that is not complete. Source: Unicode, table 3-7 "Well-formed UTF-8". */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const at = bytes.length - back;
    const lead = bytes[at]!;
    if (lead >= 0x80 && lead < 0xc0) continue;
    const length =
      lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 1;
    return length > back && (back === 1 || canFollow(lead, bytes[at + 1]!)) ? back : 0;
  }
  return 0;
}

function canFollow(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second < 0xa0;
  if (lead === 0xf0) return second >= 0x90;
  if (lead === 0xf4) return second < 0x90;
  return true;
}
