// `pnpm bench`: measures P1 to P9 (P9 with a test cluster), prints a table and writes bench/results/latest.json. `pnpm bench P3 P5` measures those.
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import type { Measure, Measurement } from "./measure.ts";
import { emptyRun } from "./measures/empty-run.ts";
import { idleMemory } from "./measures/idle-memory.ts";
import { jobsPerSecond } from "./measures/jobs-per-second.ts";
import { kubernetesStart } from "./measures/kubernetes-start.ts";
import { oneMoreStep } from "./measures/one-more-step.ts";
import { outputThroughput } from "./measures/output-throughput.ts";
import { streamReaders } from "./measures/stream-readers.ts";
import { webhookIntake } from "./measures/webhook-intake.ts";
import { webhookToFirstByte } from "./measures/webhook-to-first-byte.ts";

const measures: Readonly<Record<string, Measure>> = {
  P1: webhookToFirstByte,
  P2: emptyRun,
  P3: oneMoreStep,
  P4: jobsPerSecond,
  P5: outputThroughput,
  P6: streamReaders,
  P7: webhookIntake,
  P8: idleMemory,
  P9: kubernetesStart,
};

const asked = process.argv.slice(2).filter((argument) => argument !== "--");
const unknown = asked.filter((id) => !(id in measures));
if (unknown.length > 0) {
  console.error(`There is no measure ${unknown.join(", ")}; there are ${Object.keys(measures).join(", ")}.`);
  process.exit(2);
}

const results: Measurement[] = [];
const broken: string[] = [];
for (const [id, measure] of Object.entries(measures)) {
  if (asked.length > 0 && !asked.includes(id)) continue;
  console.error(`measuring ${id}`);
  try {
    results.push(...(await measure((text) => console.error(`  ${text}`))));
  } catch (error) {
    broken.push(id);
    console.error(`  ${id} could not be measured: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

const rows = results.map(({ id, what, goal, measured, floor, met }) => [
  id,
  what,
  goal,
  `${measured}${met ? "" : " (missed)"}`,
  floor,
]);
console.log(formatMarkdown([["", "Measure", "Goal", "Measured", "Floor, same run"], ...rows]));
const directory = fileURLToPath(new URL("./results", import.meta.url));
mkdirSync(directory, { recursive: true });
const machine = { cores: cpus().length, node: process.version, platform: process.platform };
writeFileSync(
  `${directory}/latest.json`,
  `${JSON.stringify({ at: new Date().toISOString(), machine, results, broken }, null, 2)}\n`,
);
process.exitCode = broken.length > 0 ? 1 : 0;

function formatMarkdown(rows: readonly (readonly string[])[]): string {
  const [heading, ...rest] = rows.map((row) => `| ${row.join(" | ")} |`);
  return [heading, `|${" --- |".repeat(rows[0]?.length ?? 0)}`, ...rest].join("\n");
}
