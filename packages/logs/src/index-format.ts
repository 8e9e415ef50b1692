// The index of a log: which source wrote which bytes. A header, then records, appended after the bytes that they cover.
//
//   record   length of the payload (u32), CRC-32 of the payload (u32), payload; numbers are little-endian
//   payload  1: a source. type u8, id u32, name in UTF-8. Ids count from 0.
//            2: an extent. type u8, flags u8, 2 unused, source u32, source start f64, source end f64, carry i32, CRC-32 of the log's bytes u32,
//               log start f64, log end f64, time in ms f64
//
// Bytes of the log count only once an extent covers them; an extent begins where the one before ended. A record that is cut off,
// has a wrong sum or does not fit to the ones before ends the index: what follows was never acknowledged.
import { crc32 } from "node:zlib";

export const indexHeader = Buffer.from("DNBLOGX1", "latin1");

export interface SourceRecord {
  readonly type: "source";
  readonly id: number;
  readonly name: string;
}
export interface ExtentRecord {
  readonly type: "extent";
  readonly source: number;
  /** The source is complete with this extent. */
  readonly ended: boolean;
  /** The source's bytes that it covers; their masked form is in the log. None for a newline that another source needed. */
  readonly sourceStart: number;
  readonly sourceEnd: number;
  /** See RedactionState. */
  readonly carry: number;
  readonly logStart: number;
  readonly logEnd: number;
  readonly logCrc: number;
  readonly timeMs: number;
}
export type IndexRecord = SourceRecord | ExtentRecord;

const frameBytes = 8;
const extentBytes = 56;
const longestPayload = 5 + 1_024;

export function encodeRecord(record: IndexRecord): Buffer {
  const payload = record.type === "source" ? encodeSource(record) : encodeExtent(record);
  const frame = Buffer.allocUnsafe(frameBytes);
  frame.writeUInt32LE(payload.length, 0);
  frame.writeUInt32LE(crc32(payload), 4);
  return Buffer.concat([frame, payload]);
}

function encodeSource({ id, name }: SourceRecord): Buffer {
  const payload = Buffer.alloc(5 + Buffer.byteLength(name));
  payload.writeUInt8(1, 0);
  payload.writeUInt32LE(id, 1);
  payload.write(name, 5);
  return payload;
}

function encodeExtent(extent: ExtentRecord): Buffer {
  const payload = Buffer.alloc(extentBytes);
  payload.writeUInt8(2, 0);
  payload.writeUInt8(extent.ended ? 1 : 0, 1);
  payload.writeUInt32LE(extent.source, 4);
  payload.writeDoubleLE(extent.sourceStart, 8);
  payload.writeDoubleLE(extent.sourceEnd, 16);
  payload.writeInt32LE(extent.carry, 24);
  payload.writeUInt32LE(extent.logCrc, 28);
  payload.writeDoubleLE(extent.logStart, 32);
  payload.writeDoubleLE(extent.logEnd, 40);
  payload.writeDoubleLE(extent.timeMs, 48);
  return payload;
}

/** The record that begins at `at`: `incomplete` if the bytes end before it does, `invalid` if it never was one. */
export function decodeRecord(
  bytes: Buffer,
  at: number,
): { record: IndexRecord; end: number } | "incomplete" | "invalid" {
  if (at + frameBytes > bytes.length) return "incomplete";
  const length = bytes.readUInt32LE(at);
  if (length < 5 || length > longestPayload) return "invalid";
  const start = at + frameBytes;
  const end = start + length;
  if (end > bytes.length) return "incomplete";
  const payload = bytes.subarray(start, end);
  if (crc32(payload) !== bytes.readUInt32LE(at + 4)) return "invalid";
  const type = payload.readUInt8(0);
  if (type === 1) {
    return { record: { type: "source", id: payload.readUInt32LE(1), name: payload.toString("utf8", 5) }, end };
  }
  if (type !== 2 || length !== extentBytes) return "invalid";
  return { record: decodeExtent(payload), end };
}

function decodeExtent(payload: Buffer): ExtentRecord {
  return {
    type: "extent",
    ended: (payload.readUInt8(1) & 1) === 1,
    source: payload.readUInt32LE(4),
    sourceStart: payload.readDoubleLE(8),
    sourceEnd: payload.readDoubleLE(16),
    carry: payload.readInt32LE(24),
    logCrc: payload.readUInt32LE(28),
    logStart: payload.readDoubleLE(32),
    logEnd: payload.readDoubleLE(40),
    timeMs: payload.readDoubleLE(48),
  };
}

/**
 * Reads an index piece by piece, in order, and tells of each record that fits. Once something is invalid nothing more is read
 * (`damaged`); a record that is not complete yet waits for more bytes.
 */
export class IndexDecoder {
  /** Bytes of the index that are valid, from its beginning. */
  validBytes = 0;
  damaged = false;
  #rest: Buffer = Buffer.alloc(0);
  readonly #accept: (record: IndexRecord) => boolean;

  /** `accept` returns false for a record that does not fit to the ones before. */
  constructor(accept: (record: IndexRecord) => boolean) {
    this.#accept = accept;
  }

  /** Where the next bytes to push begin in the file. */
  get position(): number {
    return this.validBytes + this.#rest.length;
  }

  push(bytes: Buffer): void {
    let rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    if (this.validBytes === 0) {
      const length = Math.min(rest.length, indexHeader.length);
      if (!rest.subarray(0, length).equals(indexHeader.subarray(0, length))) this.damaged = true;
      else if (length === indexHeader.length) at = length;
      else rest = Buffer.from(rest);
    }
    while (!this.damaged && this.validBytes + at >= indexHeader.length) {
      const decoded = decodeRecord(rest, at);
      if (decoded === "incomplete") break;
      if (decoded === "invalid" || !this.#accept(decoded.record)) this.damaged = true;
      else at = decoded.end;
    }
    this.validBytes += at;
    this.#rest = Buffer.from(rest.subarray(at));
  }
}
