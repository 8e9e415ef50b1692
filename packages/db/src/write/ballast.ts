// A file of a few MiB that is there to be deleted: on a full disk its room lets the database end what it began.
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";

const defaultSizeBytes = 16 * 1_024 * 1_024;
const chunkBytes = 1_024 * 1_024;

export interface Ballast {
  /** Whether the file is there. */
  readonly exists: () => boolean;
  /** Makes the file if it is not there and the disk has room for it and as much again. Tells whether it is there now. */
  readonly ensure: () => boolean;
  /** Gives its room back. Idempotent. */
  readonly release: () => void;
  readonly freeBytes: () => number;
}

/** The ballast of a data directory. Makes nothing yet. */
export function createBallast(dataDirectory: string, sizeBytes: number = defaultSizeBytes): Ballast {
  const file = join(dataDirectory, "ballast");
  const freeBytes = (): number => {
    const { bavail, bsize } = statfsSync(dataDirectory);
    return bavail * bsize;
  };
  const exists = (): boolean => statSync(file, { throwIfNoEntry: false })?.size === sizeBytes;
  return {
    exists,
    freeBytes,
    release: () => rmSync(file, { force: true }),
    ensure: () => {
      if (exists()) return true;
      if (freeBytes() < 2 * sizeBytes) return false;
      const temporaryFile = `${file}.new`;
      try {
        fill(temporaryFile, sizeBytes);
        renameSync(temporaryFile, file);
        return true;
      } catch {
        // Somebody else took the room meanwhile.
        rmSync(temporaryFile, { force: true });
        return false;
      }
    },
  };
}

/** Random bytes, because file systems that compress or skip zeros would keep no room for them. */
function fill(file: string, sizeBytes: number): void {
  const chunk = randomBytes(Math.min(chunkBytes, sizeBytes));
  const descriptor = openSync(file, "w", 0o600);
  try {
    for (let written = 0; written < sizeBytes; ) {
      written += writeSync(descriptor, chunk, 0, Math.min(chunk.length, sizeBytes - written));
    }
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
