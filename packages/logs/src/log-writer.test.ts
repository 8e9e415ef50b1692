import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openLogReader } from "./log-reader.ts";
import { openLogWriter } from "./log-writer.ts";
import { createRedactor } from "./redactor.ts";
import { makeLogDirectory, newJobId } from "./testing/log-directory.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const redactor = createRedactor([{ name: "TOKEN", value: "hunter2hunter2" }]);

async function openInNewDirectory(options: { masked?: boolean } = {}) {
  const files = makeLogDirectory();
  const jobId = newJobId();
  const sizes: number[] = [];
  const open = () =>
    openLogWriter({
      directory: files.directory,
      jobId,
      onGrowth: (size) => sizes.push(size),
      ...(options.masked && { redactor }),
    });
  return { files, jobId, sizes, open, writer: await open(), log: () => files.log(jobId) };
}

describe("openLogWriter", () => {
  it("passes the bytes of a source that writes alone on at once, unfinished lines too, and ends the last line", async () => {
    const { writer, log, sizes } = await openInNewDirectory();
    const source = writer.source("step:a");
    await source.append(0, bytes("10%\r20%"));
    expect(log()).toBe("10%\r20%");
    await source.append(7, bytes("\xff\0"));
    await source.end(9);
    await source.end();
    expect(log()).toBe("10%\r20%\xff\0\n");
    expect(source.ended).toBe(true);
    expect(sizes).toEqual([7, 9, 10]);
    await writer.close();
  });

  it("adds no newline to a source that is empty or ends with one", async () => {
    const { writer, log } = await openInNewDirectory();
    await writer.source("a").end(0);
    await writer.source("b").append(0, bytes("line\n"));
    await writer.source("b").end(5);
    expect(log()).toBe("line\n");
    await writer.close();
  });

  it("drops what it knows, refuses a gap, bytes after the end and a wrong size", async () => {
    const { writer, log } = await openInNewDirectory();
    const source = writer.source("a");
    await source.append(0, bytes("abcdef"));
    await source.append(2, bytes("cdefgh"));
    await source.append(0, bytes("abc"));
    await expect(source.append(9, bytes("x"))).rejects.toMatchObject({ code: "protocol_violation" });
    await expect(source.end(9)).rejects.toMatchObject({ code: "protocol_violation" });
    expect(source.offset).toBe(8);
    await source.end(8);
    await expect(source.append(8, bytes("x"))).rejects.toMatchObject({ code: "protocol_violation" });
    await source.append(0, bytes("abcdefgh"));
    expect(log()).toBe("abcdefgh\n");
    await writer.close();
    await expect(source.append(8, bytes("x"))).rejects.toMatchObject({ code: "job_not_active" });
  });

  it("keeps the lines of steps that run at the same time apart", async () => {
    const { writer, log } = await openInNewDirectory();
    const a = writer.source("step:a");
    const b = writer.source("step:b");
    await a.append(0, bytes("a one\na t"));
    await b.append(0, bytes("b one\nb t"));
    expect(a.offset).toBe(6);
    expect(log()).toBe("a one\nb one\n");
    await a.append(9, bytes("wo\na three"));
    await b.append(9, bytes("wo\n"));
    expect(log()).toBe("a one\nb one\na two\nb two\n");
    await a.end();
    expect(log()).toBe("a one\nb one\na two\nb two\na three\n");
    await b.append(12, bytes("alone"));
    expect(log()).toMatch(/\nalone$/);
    await writer.close();
  });

  it("puts a newline between an unfinished line and what another source says, and gives it to the line's source", async () => {
    const { writer, log, files, jobId } = await openInNewDirectory();
    const pipeline = writer.source("pipeline");
    await pipeline.append(0, bytes("unfinished"));
    const step = writer.source("step:a");
    await step.append(0, bytes("50%"));
    await pipeline.append(10, bytes(" business\nwaits"));
    await step.append(3, bytes(" 100%"));
    expect(log()).toBe("unfinished\n50%\n business\n 100%");
    await step.end();
    expect(log()).toBe("unfinished\n50%\n business\n 100%\nwaits");
    await writer.endAll();
    await writer.close();
    const reader = openLogReader({ directory: files.directory, jobId });
    const segments = (await reader.segments()).map(({ source, start, end }) => [source, log().slice(start, end)]);
    expect(segments).toEqual([
      ["pipeline", "unfinished\n"],
      ["step:a", "50%\n"],
      ["pipeline", " business\n"],
      ["step:a", " 100%\n"],
      ["pipeline", "waits\n"],
    ]);
    await reader.close();
  });

  it("does not let a line without an end wait for ever", async () => {
    const { writer, files, jobId } = await openInNewDirectory({ masked: true });
    const a = writer.source("step:a");
    const b = writer.source("step:b");
    const chunk = Buffer.alloc(65_536, "x");
    for (let offset = 0; offset < 50 * 1_048_576; offset += chunk.length) {
      await a.append(offset, chunk);
      expect(offset + chunk.length - a.offset).toBeLessThan(1_200_000);
    }
    await b.append(0, bytes("b\n"));
    await writer.endAll();
    // The line of b, and the newlines before it and at the end.
    expect(statSync(files.logPath(jobId)).size).toBe(50 * 1_048_576 + 2 + 1 + 1);
    await writer.close();
  });

  it("moves on in a masked run without an end, while other steps write too", async () => {
    const { writer, log } = await openInNewDirectory({ masked: true });
    writer.source("step:b");
    const a = writer.source("step:a");
    const chunk = Buffer.from("hunter2hunter2".repeat(10_000));
    for (let offset = 0; offset < 100 * chunk.length; offset += chunk.length) await a.append(offset, chunk);
    expect(100 * chunk.length - a.offset).toBeLessThan(1_300_000);
    await writer.endAll();
    expect(log()).toBe("***\n");
    await writer.close();
  });

  it("tells an offset that leaves out what the redactor holds back, and masks across a restart", async () => {
    const { writer, log, open } = await openInNewDirectory({ masked: true });
    await writer.source("a").append(0, bytes("pw: hunter2hun"));
    expect(writer.source("a").offset).toBe(4);
    expect(log()).toBe("pw: ");
    await writer.close();
    const again = await open();
    const source = again.source("a");
    expect([source.offset, source.received]).toEqual([4, 4]);
    await source.append(4, bytes("hunter2hunter2!"));
    await source.end(19);
    expect(log()).toBe("pw: ***!\n");
    await again.close();
  });

  it("remembers sources, ends and the unfinished line when it is opened again", async () => {
    const { writer, log, open } = await openInNewDirectory();
    await writer.source("step:a").append(0, bytes("done\n"));
    await writer.source("step:a").end();
    await writer.source("step:b").append(0, bytes("half"));
    await writer.sync();
    await writer.close();
    const again = await open();
    expect(again.recovery).toEqual({ logBytesCut: 0, indexBytesCut: 0 });
    expect(again.sources().map(({ name, offset, ended }) => [name, offset, ended])).toEqual([
      ["step:a", 5, true],
      ["step:b", 4, false],
    ]);
    await again.source("pipeline").append(0, bytes("between\n"));
    await again.source("step:b").append(4, bytes("half"));
    await again.endAll();
    expect(log()).toBe("done\nhalf\nbetween\nhalf\n");
    await again.close();
  });

  it("cuts off what no record covers", async () => {
    const { writer, files, jobId, open, log } = await openInNewDirectory();
    await writer.source("a").append(0, bytes("kept"));
    await writer.close();
    writeFileSync(files.logPath(jobId), "torn", { flag: "a" });
    writeFileSync(files.indexPath(jobId), "\0".repeat(100), { flag: "a" });
    const again = await open();
    expect(again.recovery).toEqual({ logBytesCut: 4, indexBytesCut: 100 });
    await again.source("a").append(4, bytes("!"));
    await again.close();
    expect(log()).toBe("kept!");
  });

  it("cuts off bytes that a power cut turned into something else", async () => {
    const { writer, files, jobId, open, log } = await openInNewDirectory();
    await writer.source("a").append(0, bytes("good\n"));
    await writer.source("a").append(5, bytes("lost\n"));
    await writer.close();
    writeFileSync(files.logPath(jobId), "good\n\0\0\0\0\0");
    const again = await open();
    expect(again.source("a").offset).toBe(5);
    await again.source("a").append(5, bytes("lost\n"));
    await again.close();
    expect(log()).toBe("good\nlost\n");
  });

  it("refuses, and leaves alone, a log whose index is gone or is something else", async () => {
    const { writer, files, jobId, open, log } = await openInNewDirectory();
    await writer.source("a").append(0, bytes("precious"));
    await writer.close();
    writeFileSync(files.indexPath(jobId), "not an index");
    await expect(open()).rejects.toMatchObject({ code: "corrupt" });
    rmSync(files.indexPath(jobId));
    await expect(open()).rejects.toMatchObject({ code: "corrupt" });
    expect(log()).toBe("precious");
  });

  it("writes what is appended in one turn together, in order, one record for each stretch of a source", async () => {
    const { writer, files, jobId, sizes, log } = await openInNewDirectory();
    const a = writer.source("a");
    const appends = Array.from({ length: 2_000 }, (_, index) => a.append(index * 3, bytes("ab\n")));
    await Promise.all(appends);
    expect(sizes).toEqual([6_000]);
    expect(log()).toBe("ab\n".repeat(2_000));
    expect(readFileSync(files.indexPath(jobId)).length).toBeLessThan(200);
    await writer.close();
  });

  it.each(["log", "index"] as const)(
    "says storage_full when the disk is full, and stays consistent (%s)",
    async (which) => {
      if (!existsSync("/dev/full")) return;
      const files = makeLogDirectory();
      const jobId = newJobId();
      const path = which === "log" ? files.logPath(jobId) : files.indexPath(jobId);
      symlinkSync("/dev/full", path);
      const writer = await openLogWriter({ directory: files.directory, jobId });
      const a = writer.source("a");
      const b = writer.source("b");
      const [first, second] = await Promise.allSettled([
        a.append(0, bytes("x\n")),
        a.append(2, bytes("y\n")),
        b.append(0, bytes("z")),
      ]);
      expect(first).toMatchObject({ status: "rejected", reason: { code: "storage_full" } });
      expect(second).toMatchObject({ status: "rejected", reason: { code: "storage_full" } });
      expect([a.offset, a.received, b.received, writer.sizeBytes]).toEqual([0, 0, 0, 0]);
      await expect(a.append(4, bytes("later\n"))).rejects.toMatchObject({ code: "storage_full" });
      await expect(a.end()).rejects.toMatchObject({ code: "storage_full" });
      await writer.close();
      if (which === "index") expect(statSync(files.logPath(jobId)).size).toBe(0);
      // There is room again.
      rmSync(path);
      rmSync(files.logPath(jobId), { force: true });
      const again = await openLogWriter({ directory: files.directory, jobId });
      await again.source("a").append(0, bytes("x\ny\n"));
      await again.endAll();
      expect(files.log(jobId)).toBe("x\ny\n");
      await again.close();
    },
  );

  it("rejects what came while a write was failing, too", async () => {
    if (!existsSync("/dev/full")) return;
    const files = makeLogDirectory();
    const jobId = newJobId();
    symlinkSync("/dev/full", files.logPath(jobId));
    const writer = await openLogWriter({ directory: files.directory, jobId });
    const source = writer.source("a");
    const large = source.append(0, Buffer.alloc(1_048_576, "x"));
    large.catch(() => undefined);
    // The large one is being written, on another thread.
    await nextTurn();
    const results = await Promise.allSettled([
      large,
      source.append(1_048_576, bytes("y")),
      writer.source("b").append(0, bytes("z")),
    ]);
    for (const result of results) expect(result).toMatchObject({ reason: { code: "storage_full" } });
    expect(source.received).toBe(0);
    await writer.close();
  });

  it("refuses an id that is not one", async () => {
    await expect(openLogWriter({ directory: "/nowhere", jobId: "../../etc/passwd" })).rejects.toMatchObject({
      code: "invalid_request",
    });
  });
});
