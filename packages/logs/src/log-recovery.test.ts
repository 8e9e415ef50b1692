// Kill the writer, tear its files at any byte, open again, send again: the log must come out the same.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pipelineSourceName } from "./log-merge.ts";
import { type JobLogWriter, openLogWriter } from "./log-writer.ts";
import { createRedactor } from "./redactor.ts";
import { makeLogDirectory, newJobId } from "./testing/log-directory.ts";
import { naiveRedaction } from "./testing/naive-redaction.ts";

const secrets = [
  { name: "A", value: "abab" },
  { name: "B", value: "two\nlines of it" },
  { name: "C", value: "abracadabra" },
];
const redactor = createRedactor(secrets);

/** One thing that the Coordinator sends: the next bytes of a source, and whether these are its last. */
interface Sending {
  readonly source: string;
  readonly start: number;
  readonly bytes: Buffer;
  readonly last: boolean;
}

const text = fc
  .array(
    fc.constantFrom(
      "a",
      "b",
      "ab",
      "abab",
      "abra",
      "abracadabra",
      "two\n",
      "two\nlines of it",
      "\n",
      "\r",
      "\0",
      "\xff",
      "plain line\n",
    ),
    {
      maxLength: 12,
    },
  )
  .map((parts) => Buffer.from(parts.join(""), "latin1"));

/** Steps one after another, with what the pipeline file prints in between. */
const sequentialJobs = fc
  .array(fc.record({ printed: text, output: text }), { minLength: 1, maxLength: 4 })
  .map((steps) => {
    const sendings: Sending[] = [];
    let printedBytes = 0;
    for (const [index, { printed, output }] of steps.entries()) {
      sendings.push({ source: pipelineSourceName, start: printedBytes, bytes: printed, last: false });
      printedBytes += printed.length;
      sendings.push({ source: `step:${index}`, start: 0, bytes: output, last: true });
    }
    sendings.push({ source: pipelineSourceName, start: printedBytes, bytes: Buffer.alloc(0), last: true });
    return sendings;
  });

const kills = fc.array(
  fc.record({
    /** After how many chunks. */
    after: fc.nat(12),
    /** Which file is torn, and how much of its end is lost. */
    tear: fc.constantFrom("log", "index", "none"),
    lostBytes: fc.nat(200),
  }),
  { maxLength: 4 },
);

/** Sends everything from the beginning in chunks, as after a restart; stops after `budget` chunks. Returns whether it finished. */
async function send(
  writer: JobLogWriter,
  job: readonly Sending[],
  chunkSizes: readonly number[],
  budget: number,
): Promise<boolean> {
  let chunks = 0;
  const size = (): number => chunkSizes[chunks % chunkSizes.length]!;
  for (const { source: name, start, bytes, last } of job) {
    const source = writer.source(name);
    const end = start + bytes.length;
    for (let at = Math.max(start, source.received); at < end; ) {
      if (chunks++ === budget) return false;
      const chunk = bytes.subarray(at - start, at - start + size());
      const appended = source.append(at, chunk);
      // Sometimes many are under way.
      if (chunks % 3 === 0) await appended;
      at += chunk.length;
    }
    if (last && !source.ended) {
      if (chunks++ === budget) return false;
      await source.end(end);
    }
  }
  return true;
}

describe("the log of steps that run one after another", () => {
  it("is the same whatever the chunks, kills and torn files were", async () => {
    const files = makeLogDirectory();
    const { directory } = files;
    await fc.assert(
      fc.asyncProperty(
        sequentialJobs,
        kills,
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
        async (job, kills, chunkSizes) => {
          const whole = newJobId();
          const undisturbed = await openLogWriter({ directory, jobId: whole, redactor });
          await send(undisturbed, job, [1_000_000], Infinity);
          await undisturbed.close();

          const jobId = newJobId();
          for (const { after, tear, lostBytes } of kills) {
            const writer = await openLogWriter({ directory, jobId, redactor });
            await send(writer, job, chunkSizes, after);
            await writer.close();
            if (tear === "none") continue;
            const path = tear === "log" ? files.logPath(jobId) : files.indexPath(jobId);
            truncateSync(path, Math.max(0, statSync(path).size - lostBytes));
          }
          const last = await openLogWriter({ directory, jobId, redactor });
          expect(await send(last, job, chunkSizes, Infinity)).toBe(true);
          await last.close();
          expect(files.log(jobId)).toBe(files.log(whole));
        },
      ),
      { numRuns: 400 },
    );
  });

  it("is their masked bytes in a row, each ended by a newline", async () => {
    const { directory, log } = makeLogDirectory();
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 4 }), async (outputs) => {
        const jobId = newJobId();
        const writer = await openLogWriter({ directory, jobId, redactor });
        for (const [index, output] of outputs.entries()) {
          await writer.source(`step:${index}`).append(0, output);
          await writer.source(`step:${index}`).end(output.length);
        }
        await writer.close();
        const masked = outputs.map((output) => naiveRedaction(secrets, output.toString("latin1")));
        expect(log(jobId)).toBe(
          masked.map((part) => (part === "" || part.endsWith("\n") ? part : `${part}\n`)).join(""),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("is the same after every cut of either file, byte by byte", async () => {
    const files = makeLogDirectory();
    const { directory } = files;
    const job: Sending[] = [
      { source: "pipeline", start: 0, bytes: Buffer.from("begin aba"), last: false },
      { source: "step:0", start: 0, bytes: Buffer.from("abababab\nab"), last: true },
      { source: "pipeline", start: 9, bytes: Buffer.from("b end"), last: true },
    ];
    const make = async (jobId: string): Promise<void> => {
      const writer = await openLogWriter({ directory, jobId, redactor });
      await send(writer, job, [4], Infinity);
      await writer.close();
    };
    const whole = newJobId();
    await make(whole);
    expect(files.log(whole)).toBe("begin \n***\nab\n*** end\n");
    for (const pathOf of [files.logPath, files.indexPath]) {
      for (let size = statSync(pathOf(whole)).size; size >= 0; size--) {
        const jobId = newJobId();
        await make(jobId);
        truncateSync(pathOf(jobId), size);
        await make(jobId);
        expect(files.log(jobId), `${pathOf("")} cut to ${size}`).toBe(files.log(whole));
      }
    }
  });

  it("is the same after any byte of the index was changed", async () => {
    const files = makeLogDirectory();
    const { directory } = files;
    const output = Buffer.from("one\ntwo\nthree");
    const make = async (jobId: string): Promise<void> => {
      const writer = await openLogWriter({ directory, jobId, redactor });
      await send(writer, [{ source: "step:0", start: 0, bytes: output, last: true }], [5], Infinity);
      await writer.close();
    };
    const whole = newJobId();
    await make(whole);
    const index = readFileSync(files.indexPath(whole));
    for (let at = 8; at < index.length; at++) {
      const jobId = newJobId();
      await make(jobId);
      const changed = readFileSync(files.indexPath(jobId));
      changed[at]! ^= 1;
      writeFileSync(files.indexPath(jobId), changed);
      await make(jobId);
      expect(files.log(jobId), `byte ${at}`).toBe("one\ntwo\nthree\n");
    }
  });

  it("survives kill -9 of the process that writes", async () => {
    const files = makeLogDirectory();
    const jobId = newJobId();
    const script = new URL("testing/endless-writer.ts", import.meta.url).pathname;
    for (let round = 0; round < 4; round++) {
      const child = spawn(process.execPath, [script, files.directory, jobId], { stdio: ["ignore", "pipe", "inherit"] });
      // It says something after each round of appends; kill it in the middle of one.
      for (let heard = 0; heard < 3 + round * 5; heard++) await once(child.stdout, "data");
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    const { sourceBytes, sourceSecrets } = await import("./testing/endless-writer.ts");
    const writer = await openLogWriter({ directory: files.directory, jobId, redactor: createRedactor(sourceSecrets) });
    const source = writer.source("step:endless");
    const { offset } = source;
    expect(offset).toBeGreaterThan(0);
    await source.append(offset, sourceBytes(offset, 10_000));
    await source.end();
    await writer.close();
    const all = sourceBytes(0, offset + 10_000).toString("latin1");
    expect(files.log(jobId) === `${naiveRedaction(sourceSecrets, all)}\n`).toBe(true);
  });
});

describe("the log of steps that run at the same time", () => {
  const manySteps = fc.array(text, { minLength: 2, maxLength: 4 });

  it("has every line of every step, whole and in order, whatever was killed and torn", async () => {
    const files = makeLogDirectory();
    const { directory } = files;
    await fc.assert(
      fc.asyncProperty(
        manySteps,
        fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 20 })), { maxLength: 60 }),
        kills,
        async (outputs, turns, kills) => {
          const jobId = newJobId();
          const attempts = [...kills, undefined];
          for (const kill of attempts) {
            const writer = await openLogWriter({ directory, jobId, redactor });
            const steps = outputs.map((output, index) => ({ output, source: writer.source(`step:${index}`) }));
            for (const [turn, chunkBytes] of turns.slice(0, kill?.after ?? turns.length)) {
              const { output, source } = steps[turn % steps.length]!;
              await source.append(source.received, output.subarray(source.received, source.received + chunkBytes));
            }
            if (!kill) {
              for (const { output, source } of steps) {
                await source.append(source.received, output.subarray(source.received));
                await source.end(output.length);
              }
            }
            await writer.close();
            if (!kill || kill.tear === "none") continue;
            const path = kill.tear === "log" ? files.logPath(jobId) : files.indexPath(jobId);
            truncateSync(path, Math.max(0, statSync(path).size - kill.lostBytes));
          }
          const lines = (texts: string[]): string[] =>
            texts.flatMap((part) => part.split("\n").filter((line) => line !== "")).sort();
          const masked = outputs.map((output) => naiveRedaction(secrets, output.toString("latin1")));
          expect(lines([files.log(jobId)])).toEqual(lines(masked));
        },
      ),
      { numRuns: 300 },
    );
  });
});
