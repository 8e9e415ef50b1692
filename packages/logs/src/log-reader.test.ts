import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deleteLog } from "./log-files.ts";
import { type LogReader, openLogReader } from "./log-reader.ts";
import { openLogWriter } from "./log-writer.ts";
import { type LogDirectory, makeLogDirectory, newJobId } from "./testing/log-directory.ts";

async function textOf(
  reader: LogReader,
  range?: { start?: number; end?: number; chunkBytes?: number },
): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of reader.read(range)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

async function writeLog(
  files: LogDirectory,
  jobId: string,
  parts: readonly (readonly [string, string])[],
): Promise<void> {
  const writer = await openLogWriter({ directory: files.directory, jobId, now: () => 1_000 });
  for (const [name, text] of parts)
    await writer.source(name).append(writer.source(name).received, Buffer.from(text, "latin1"));
  await writer.close();
}

describe("openLogReader", () => {
  it("sees a log come about and grow, and only what the index covers", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    const reader = openLogReader({ directory: files.directory, jobId });
    expect(await reader.status()).toEqual({ sizeBytes: 0, exists: false });
    const writer = await openLogWriter({ directory: files.directory, jobId });
    expect(await reader.status()).toEqual({ sizeBytes: 0, exists: true });
    const source = writer.source("step:a");
    for (let round = 0; round < 5; round++) {
      await source.append(source.received, Buffer.from(`round ${round}\n`));
      expect(await reader.size()).toBe(writer.sizeBytes);
    }
    writeFileSync(files.logPath(jobId), "not covered", { flag: "a" });
    expect(await reader.status()).toEqual({ sizeBytes: 40, exists: true });
    expect(await textOf(reader)).toBe("round 0\nround 1\nround 2\nround 3\nround 4\n");
    await writer.close();
    await reader.close();
  });

  it("reads ranges, in chunks", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    await writeLog(files, jobId, [["a", "0123456789"]]);
    const reader = openLogReader({ directory: files.directory, jobId });
    expect(await textOf(reader, { start: 2, end: 5 })).toBe("234");
    expect(await textOf(reader, { start: 7, end: 99, chunkBytes: 2 })).toBe("789");
    expect(await textOf(reader, { start: 10 })).toBe("");
    const [one, other] = await Promise.all([reader.readChunk(3, 4), reader.readChunk(3, 4)]);
    expect(one.toString()).toBe("3456");
    expect(other).toBe(one);
    await reader.close();
  });

  it("tells which bytes a step wrote, all its sources together", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    const step = "0190a000-0000-7000-8000-00000000000a";
    await writeLog(files, jobId, [
      ["pipeline", "start\n"],
      [`step:${step}/output`, "one\n"],
      [`step:${step}/stdout`, "two\n"],
      [`step:${step}b/output`, "other\n"],
      [step, "three\n"],
      [`${step}/output`, "four\n"],
    ]);
    const reader = openLogReader({ directory: files.directory, jobId });
    expect(await reader.stepRanges(step)).toEqual([
      { start: 6, end: 14 },
      { start: 20, end: 31 },
    ]);
    expect(await reader.stepRanges("pipeline")).toEqual([{ start: 0, end: 6 }]);
    expect(await reader.stepRanges("nobody")).toEqual([]);
    expect((await reader.segments())[1]).toEqual({ source: `step:${step}/output`, start: 6, end: 10, timeMs: 1_000 });
    await reader.close();
  });

  it("reads a log without an index as a whole, with a warning", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    writeFileSync(files.logPath(jobId), "an old log\n");
    const reader = openLogReader({ directory: files.directory, jobId });
    expect(await reader.status()).toEqual({ sizeBytes: 11, exists: true, warning: "index_missing" });
    expect(await textOf(reader)).toBe("an old log\n");
    expect(await reader.segments()).toEqual([]);
    await reader.close();
  });

  it("reads the valid beginning of a damaged log, with a warning, and the rest once a writer has repaired it", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    await writeLog(files, jobId, [
      ["a", "one\n"],
      ["a", "two\n"],
    ]);
    const reader = openLogReader({ directory: files.directory, jobId });
    expect(await reader.size()).toBe(8);
    writeFileSync(files.indexPath(jobId), "garbage garbage", { flag: "a" });
    expect(await reader.status()).toEqual({ sizeBytes: 8, exists: true, warning: "damaged" });
    await writeLog(files, jobId, [["a", "three\n"]]);
    expect(await reader.status()).toEqual({ sizeBytes: 14, exists: true });
    expect(await textOf(reader)).toBe("one\ntwo\nthree\n");
    truncateSync(files.logPath(jobId), 6);
    expect(await reader.status()).toEqual({ sizeBytes: 6, exists: true, warning: "damaged" });
    expect(await textOf(reader)).toBe("one\ntw");
    await writeLog(files, jobId, [["a", "2\n"]]);
    expect(await reader.status()).toEqual({ sizeBytes: 6, exists: true });
    expect(await textOf(reader)).toBe("one\n2\n");
    await reader.close();
  });

  it("never shows less than a whole record while the index grows byte by byte", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    await writeLog(files, jobId, [
      ["a", "one\n"],
      ["b", "two\n"],
      ["a", "three\n"],
    ]);
    const index = readFileSync(files.indexPath(jobId));
    rmSync(files.indexPath(jobId));
    writeFileSync(files.indexPath(jobId), "");
    const reader = openLogReader({ directory: files.directory, jobId });
    const sizes = new Set<number>();
    for (const byte of index) {
      writeFileSync(files.indexPath(jobId), Buffer.of(byte), { flag: "a" });
      const { sizeBytes, warning } = await reader.status();
      expect(warning).toBeUndefined();
      sizes.add(sizeBytes);
    }
    expect([...sizes]).toEqual([0, 4, 8, 14]);
    await reader.close();
  });

  it("never answers with a look that began before it was asked", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    await writeLog(
      files,
      jobId,
      Array.from({ length: 100 }, (_, part) => ["a", `${part % 10}\n`]),
    );
    const index = readFileSync(files.indexPath(jobId));
    const firstRecords = index.length - 99 * 64;
    writeFileSync(files.indexPath(jobId), index.subarray(0, firstRecords));
    const reader = openLogReader({ directory: files.directory, jobId });
    expect(await reader.size()).toBe(2);
    for (let part = 1; part < 100; part++) {
      const before = reader.size();
      const at = firstRecords + (part - 1) * 64;
      writeFileSync(files.indexPath(jobId), index.subarray(at, at + 64), { flag: "a" });
      expect(await reader.size()).toBe(2 * (part + 1));
      expect(await before).toBeLessThanOrEqual(2 * (part + 1));
    }
    await reader.close();
  });

  it("finds nothing after the log was deleted; deleting twice is harmless", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    await writeLog(files, jobId, [["a", "x"]]);
    await deleteLog({ directory: files.directory, jobId });
    await deleteLog({ directory: files.directory, jobId });
    const reader = openLogReader({ directory: files.directory, jobId });
    expect(await reader.status()).toEqual({ sizeBytes: 0, exists: false });
    await reader.close();
  });

  it("refuses what is not the id of a job", () => {
    expect(() => openLogReader({ directory: "/", jobId: "../x" })).toThrow(
      expect.objectContaining({ code: "invalid_request" }),
    );
  });
});

describe("search", () => {
  const search = async (text: string, options: Parameters<LogReader["search"]>[0]) => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    await writeLog(files, jobId, [["a", text]]);
    const reader = openLogReader({ directory: files.directory, jobId });
    const result = await reader.search(options);
    await reader.close();
    return result;
  };

  it("finds each line that has the text, with its place and number", async () => {
    const result = await search("first Error\nnothing\nerror error\nlast erro", {
      text: "error",
      limit: 10,
      ignoreCase: true,
    });
    expect(result).toEqual({
      matches: [
        { start: 6, end: 11, lineNumber: 1, lineStart: 0, text: "first Error" },
        { start: 20, end: 25, lineNumber: 3, lineStart: 20, text: "error error" },
      ],
      truncated: false,
    });
    expect((await search("first Error\n", { text: "error", limit: 10 })).matches).toEqual([]);
  });

  it("stops at the limit and says so", async () => {
    const result = await search("x\n".repeat(5), { text: "x", limit: 3 });
    expect(result.matches.map((match) => match.lineNumber)).toEqual([1, 2, 3]);
    expect(result.truncated).toBe(true);
    expect((await search("x\n".repeat(3), { text: "x", limit: 3 })).truncated).toBe(false);
  });

  it("finds what a line-by-line search finds, across blocks and in lines of any length", async () => {
    const { searchLog } = await import("./log-search.ts");
    await fc.assert(
      fc.asyncProperty(
        fc.string({ maxLength: 80, unit: fc.constantFrom("a", "b", "A", "\n") }),
        fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b") }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (text, needle, blockBytes, ignoreCase) => {
          const log = Buffer.from(text);
          async function* blocks() {
            for (let at = 0; at < log.length; at += blockBytes) yield log.subarray(at, at + blockBytes);
          }
          const read = async (start: number, length: number) => log.subarray(start, start + length);
          const { matches } = await searchLog(blocks(), read, { text: needle, limit: 1_000, ignoreCase });
          let lineStart = 0;
          const expected = text.split("\n").flatMap((line, index) => {
            const at = (ignoreCase ? line.toLowerCase() : line).indexOf(needle);
            const start = lineStart + at;
            const match = { start, end: start + needle.length, lineNumber: index + 1, lineStart, text: line };
            lineStart += line.length + 1;
            return at < 0 ? [] : [match];
          });
          expect(matches).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});
