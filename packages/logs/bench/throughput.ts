// How fast output becomes a log: the redactor alone, and the whole writer, beside what plain writes to the same directory take.
//   node packages/logs/bench/throughput.ts [directory] [megabytes]
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRedactor, openLogWriter, type Redactor } from "../src/index.ts";
import { buildOutput, tenSecrets } from "./build-output.ts";

const directory = mkdtempSync(join(process.argv[2] ?? tmpdir(), "danube-logs-bench-"));
const sizeBytes = Number(process.argv[3] ?? 256) * 1_048_576;
const chunkBytes = 262_144;
/** As much as a Coordinator sends without an acknowledgement. */
const windowChunks = 16;
const output = buildOutput(16 * 1_048_576);

/** Runs it some times; prints the best wall-clock rate and the best rate by processor time, which a busy machine disturbs less. */
async function measure(name: string, run: () => Promise<void> | void): Promise<void> {
  let wall = 0;
  let processor = 0;
  for (let round = 0; round < 3; round++) {
    const startedAt = performance.now();
    const usage = process.cpuUsage();
    await run();
    const used = process.cpuUsage(usage);
    wall = Math.max(wall, sizeBytes / 1e3 / (performance.now() - startedAt));
    processor = Math.max(processor, sizeBytes / (used.user + used.system));
  }
  process.stdout.write(
    `${name.padEnd(28)} ${wall.toFixed(0).padStart(6)} MB/s   ${processor.toFixed(0).padStart(6)} MB/s of processor time\n`,
  );
}

function* chunks(): Generator<Buffer> {
  for (let at = 0; at < sizeBytes; at += chunkBytes) {
    const start = at % output.length;
    yield output.subarray(start, start + chunkBytes);
  }
}

let lastJob = 0;
async function writeLog(redactor: Redactor | undefined): Promise<void> {
  const jobId = `0190a000-0000-7000-8000-${String(++lastJob).padStart(12, "0")}`;
  const writer = await openLogWriter({ directory, jobId, redactor });
  const source = writer.source("step:bench/output");
  const underWay: Promise<void>[] = [];
  let offset = 0;
  for (const chunk of chunks()) {
    underWay.push(source.append(offset, chunk));
    offset += chunk.length;
    if (underWay.length === windowChunks) await underWay.shift();
    mostMemory = Math.max(mostMemory, process.memoryUsage.rss());
  }
  await Promise.all(underWay);
  await source.end(offset);
  await writer.close();
  rmSync(join(directory, `${jobId}.log`));
}

const redactor = createRedactor(tenSecrets);
let mostMemory = 0;
try {
  await measure("plain write", () => {
    const file = openSync(join(directory, "floor"), "w");
    for (const chunk of chunks()) writeSync(file, chunk);
    closeSync(file);
    rmSync(join(directory, "floor"));
  });
  await measure("redactor", () => {
    const stream = redactor.openStream();
    for (const chunk of chunks()) stream.push(chunk);
    stream.flush();
  });
  await measure("writer without masking", () => writeLog(undefined));
  const before = process.memoryUsage.rss();
  mostMemory = 0;
  await measure("writer with masking", () => writeLog(redactor));
  const compiledAt = performance.now();
  for (let round = 0; round < 100; round++) createRedactor(tenSecrets);
  process.stdout.write(
    `memory growth with masking   ${((mostMemory - before) / 1_048_576).toFixed(1).padStart(6)} MiB\n`,
  );
  process.stdout.write(
    `compiling ten secrets        ${((performance.now() - compiledAt) / 100).toFixed(2).padStart(6)} ms\n`,
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
