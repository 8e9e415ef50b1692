// What happens on a full disk: intake is refused, and what ends jobs or frees room goes on with the ballast's room.
import type { Logger } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { Ballast } from "./ballast.ts";
import type { StorageState } from "./writer.ts";

/** While the disk is full, refused transactions look at it this often. */
const lookIntervalMs = 1_000;

export interface StorageGuard {
  /** Throws `storage_full` while the disk is full. */
  readonly admit: () => void;
  /** SQLite found the disk full: gives the ballast's room to it. */
  readonly onStorageFull: () => void;
  readonly check: () => StorageState;
}

export interface StorageGuardOptions {
  readonly ballast: Ballast;
  readonly checkpoint: () => void;
  readonly monotonicMs: () => number;
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
}

/** Full means: the ballast is not there. So the state outlives a restart, and a start on a full disk takes nothing in. */
export function createStorageGuard({ ballast, checkpoint, monotonicMs, logger }: StorageGuardOptions): StorageGuard {
  let full = !ballast.ensure();
  let lookedAtMs = monotonicMs();
  if (full) logger.warn("The disk is almost full: nothing new is accepted.", { freeBytes: ballast.freeBytes() });

  const look = (): void => {
    lookedAtMs = monotonicMs();
    if (!full || !ballast.ensure()) return;
    full = false;
    logger.info("The disk has room again.", { freeBytes: ballast.freeBytes() });
  };

  return {
    admit: () => {
      if (full && monotonicMs() - lookedAtMs >= lookIntervalMs) look();
      if (full) throw new DanubeError("storage_full", "The disk is full: nothing new is accepted until there is room.");
    },
    onStorageFull: () => {
      if (!full) logger.error("The disk is full: nothing new is accepted.", { freeBytes: ballast.freeBytes() });
      full = true;
      lookedAtMs = monotonicMs();
      ballast.release();
      try {
        checkpoint();
      } catch (error) {
        logger.error("The write-ahead log could not be moved into the database.", { error });
      }
    },
    check: () => {
      look();
      return { full, freeBytes: ballast.freeBytes() };
    },
  };
}
