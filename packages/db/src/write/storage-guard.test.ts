import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId, silentLogger } from "@danube/kit";
import { describe, expect, it, onTestFinished } from "vitest";
import { applyPipelines, failed, jobAt, openTestDatabase, pushEvent, temporaryDirectory } from "../test-database.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { type Ballast, createBallast } from "./ballast.ts";
import { createStorageGuard } from "./storage-guard.ts";
import { transitionJob } from "./transition-job.ts";
import { recordTrigger } from "./triggers.ts";
import type { Writer } from "./writer.ts";

const mebibyte = 1_024 * 1_024;

const mount = (directory: string, sizeBytes: number) =>
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeBytes}`, "danube-test", directory], { stdio: "ignore" });

/** Whether this machine lets us make a file system. Where it does not, group-commit.test.ts fills a database instead. */
function canMount(): boolean {
  const directory = mkdtempSync(join(tmpdir(), "danube-db-"));
  try {
    mount(directory, mebibyte);
    execFileSync("umount", [directory]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A file system of a few MiB of its own. */
function mountSmallDisk(sizeBytes: number): string {
  const directory = temporaryDirectory();
  mount(directory, sizeBytes);
  onTestFinished(() => {
    execFileSync("umount", [directory]);
  });
  return directory;
}

/** Writes to `file` until nothing fits any more. */
function fill(file: string): void {
  const descriptor = openSync(file, "w");
  try {
    for (const chunkBytes of [65_536, 1]) {
      try {
        for (;;) writeSync(descriptor, Buffer.alloc(chunkBytes));
      } catch {
        // Full, as far as pieces of this size go.
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

const record = (writer: Writer, essential = false) =>
  writer.transaction(
    (transaction) =>
      recordTrigger(transaction, {
        id: newId(),
        deduplicationKey: newId(),
        event: pushEvent({ commitMessage: "x".repeat(50_000) }),
      }),
    { essential },
  );

describe.runIf(canMount())("a full disk", () => {
  it("refuses intake, lets jobs end, and takes in again once there is room", async () => {
    const dataDirectory = mountSmallDisk(8 * mebibyte);
    const { writer, clock } = await openTestDatabase({ dataDirectory, ballastBytes: mebibyte });
    const [pipelineId = ""] = await applyPipelines(writer, "app");
    const job = await jobAt(writer, pipelineId, { status: "scheduling" });
    expect(writer.checkStorage().full).toBe(false);

    // Somebody else's file leaves less and less room.
    const other = join(dataDirectory, "other");
    writeFileSync(other, Buffer.alloc(Math.max(0, writer.checkStorage().freeBytes - mebibyte)));
    let stored = 0;
    const full = async () => {
      for (;;) {
        await record(writer);
        stored += 1;
      }
    };
    await expect(full()).rejects.toMatchObject({ code: "storage_full", httpStatus: 503 });
    expect(stored).toBeGreaterThan(0);
    expect(existsSync(join(dataDirectory, "ballast"))).toBe(false);

    // The ballast's room is not for intake, but for what ends.
    await expect(record(writer)).rejects.toMatchObject({ code: "storage_full" });
    const ended = await writer.transaction((transaction) => transitionJob(transaction, { jobId: job.id, to: failed }), {
      essential: true,
    });
    expect(ended.record.job.status).toBe("failure");
    writer.checkpoint();
    expect(statSync(join(dataDirectory, "danube.db-wal")).size).toBe(0);
    expect(writer.checkStorage().full).toBe(true);

    rmSync(other);
    await expect(record(writer), "it looks again only after a while").rejects.toMatchObject({ code: "storage_full" });
    await clock.advance(1_000);
    await record(writer);
    stored += 1;
    expect(writer.checkStorage().full).toBe(false);
    expect(statSync(join(dataDirectory, "ballast")).size).toBe(mebibyte);

    // Everything that was acknowledged is there, and nothing that was refused.
    await writer.close();
    const again = await openTestDatabase({ dataDirectory, ballastBytes: mebibyte });
    const triggers = again.writer.read((transaction) =>
      transaction.all(sqlBuilder.selectFrom("triggers").select("id").compile()),
    );
    expect(triggers).toHaveLength(stored);
    await again.writer.close();
  });

  it("is known to a writer that starts on one", async () => {
    const dataDirectory = mountSmallDisk(4 * mebibyte);
    writeFileSync(join(dataDirectory, "other"), Buffer.alloc(2 * mebibyte));
    const { writer } = await openTestDatabase({ dataDirectory, ballastBytes: mebibyte });
    await expect(record(writer)).rejects.toMatchObject({ code: "storage_full" });
    await record(writer, true);
    rmSync(join(dataDirectory, "other"));
    expect(writer.checkStorage().full).toBe(false);
    await record(writer);
    await writer.close();
  });
});

describe.runIf(canMount())("a disk without a single byte left", () => {
  it("lets the writer start with the ballast's room", async () => {
    const dataDirectory = mountSmallDisk(8 * mebibyte);
    const first = await openTestDatabase({ dataDirectory, ballastBytes: mebibyte });
    await record(first.writer);
    await first.writer.close();
    fill(join(dataDirectory, "other"));
    const { writer } = await openTestDatabase({ dataDirectory, ballastBytes: mebibyte });
    await expect(record(writer)).rejects.toMatchObject({ code: "storage_full" });
    await record(writer, true);
    await writer.close();
  });

  it("is told as a full disk when there is no ballast either", async () => {
    const dataDirectory = mountSmallDisk(mebibyte);
    fill(join(dataDirectory, "other"));
    await expect(openTestDatabase({ dataDirectory })).rejects.toMatchObject({
      code: "storage_full",
      message: expect.stringContaining(dataDirectory),
    });
  });
});

describe("createStorageGuard", () => {
  it("gives the ballast up once, and asks for it again at most once a second", () => {
    const calls: string[] = [];
    let room = true;
    const ballast: Ballast = {
      exists: () => room,
      ensure: () => {
        calls.push("ensure");
        return room;
      },
      release: () => calls.push("release"),
      freeBytes: () => 0,
    };
    let timeMs = 0;
    const guard = createStorageGuard({
      ballast,
      checkpoint: () => calls.push("checkpoint"),
      monotonicMs: () => timeMs,
      logger: silentLogger,
    });
    guard.admit();
    room = false;
    guard.onStorageFull();
    expect(calls).toEqual(["ensure", "release", "checkpoint"]);
    const refused = expect.objectContaining({ code: "storage_full" });
    for (const now of [0, 500, 999]) {
      timeMs = now;
      expect(guard.admit).toThrow(refused);
    }
    expect(calls).toHaveLength(3);
    timeMs = 1_000;
    expect(guard.admit).toThrow(refused);
    expect(calls).toHaveLength(4);
    room = true;
    timeMs = 2_000;
    guard.admit();
    guard.admit();
    expect(calls).toHaveLength(5);
  });
});

describe("createBallast", () => {
  it("is real bytes, made once, and can be given up", () => {
    const directory = temporaryDirectory();
    const ballast = createBallast(directory, 3 * mebibyte + 5);
    expect(ballast.exists()).toBe(false);
    expect(ballast.ensure()).toBe(true);
    const file = join(directory, "ballast");
    const { size, blocks, ino } = statSync(file);
    expect(size).toBe(3 * mebibyte + 5);
    expect(blocks * 512).toBeGreaterThanOrEqual(3 * mebibyte);
    expect(readFileSync(file).includes(Buffer.alloc(64)), "no run of zeros").toBe(false);
    expect(ballast.ensure()).toBe(true);
    expect(statSync(file).ino).toBe(ino);
    ballast.release();
    ballast.release();
    expect(ballast.exists()).toBe(false);
  });
});
