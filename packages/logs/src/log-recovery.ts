// Finds out what of a log's files is good after a crash, and cuts off the rest.
import { fstatSync, ftruncateSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { DanubeError } from "@danube/protocol";
import { type ExtentRecord, IndexDecoder } from "./index-format.ts";
import { type IndexedSource, LogIndex } from "./log-index.ts";

export interface RecoveredLog {
  readonly sources: readonly IndexedSource[];
  readonly logBytes: number;
  readonly indexBytes: number;
  /** The place in `sources` of the one that wrote the log's last line, if that line is unfinished. */
  readonly openLine: number | undefined;
  readonly logBytesCut: number;
  readonly indexBytesCut: number;
}

/**
 * How much of the log's end is compared with its sums. A dead process leaves whole writes behind, in order; only a power cut
 * can leave holes, and only in what was never synced.
 */
const verifiedTailBytes = 16 * 1_048_576;
const readBytes = 1_048_576;
const newlineByte = 0x0a;

/**
 * Leaves the two open files as they would be if nothing but whole, acknowledged writes had ever happened, and tells how to go on.
 * Throws `corrupt` when the index is not one.
 */
export function recoverLog(logFile: number, indexFile: number, jobId: string): RecoveredLog {
  const logSize = fstatSync(logFile).size;
  const indexSize = fstatSync(indexFile).size;
  const index = new LogIndex();
  let lastWriter: number | undefined;
  const decoder = new IndexDecoder((record) => {
    if (record.type === "extent" && !isInLog(logFile, logSize, record)) return false;
    if (!index.accept(record)) return false;
    if (record.type === "extent" && record.logEnd > record.logStart) lastWriter = record.source;
    return true;
  });
  while (!decoder.damaged && decoder.position < indexSize) {
    const bytes = readAt(indexFile, decoder.position, Math.min(readBytes, indexSize - decoder.position));
    if (bytes.length === 0) break;
    decoder.push(bytes);
  }
  if (decoder.damaged && decoder.validBytes === 0) {
    throw new DanubeError("corrupt", "The log's index is not an index; the log is left as it is.", { ids: { jobId } });
  }
  if (indexSize > decoder.validBytes) ftruncateSync(indexFile, decoder.validBytes);
  if (logSize > index.sizeBytes) ftruncateSync(logFile, index.sizeBytes);
  const lineIsOpen = index.sizeBytes > 0 && readAt(logFile, index.sizeBytes - 1, 1)[0] !== newlineByte;
  return {
    sources: index.sources,
    logBytes: index.sizeBytes,
    indexBytes: decoder.validBytes,
    openLine: lineIsOpen ? lastWriter : undefined,
    logBytesCut: logSize - index.sizeBytes,
    indexBytesCut: indexSize - decoder.validBytes,
  };
}

function isInLog(logFile: number, logSize: number, extent: ExtentRecord): boolean {
  if (extent.logEnd <= logSize - verifiedTailBytes) return true;
  let sum = 0;
  for (let at = extent.logStart; at < extent.logEnd; ) {
    const bytes = readAt(logFile, at, Math.min(readBytes, extent.logEnd - at));
    if (bytes.length === 0) return false;
    sum = crc32(bytes, sum);
    at += bytes.length;
  }
  return sum === extent.logCrc;
}

function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, position));
}
