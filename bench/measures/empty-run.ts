// P2: `danube run` of a pipeline that does nothing, as a whole process.
import { execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { danubeCommand } from "@danube/e2e/harness";
import { type Measure, median, ms } from "../measure.ts";

export const emptyRun: Measure = async () => {
  const directory = mkdtempSync(join(tmpdir(), "danube-bench-run-"));
  writeFileSync(join(directory, "danubefile.ts"), "export default async () => {};\n");
  const time = (args: readonly string[]) => {
    const start = performance.now();
    execFileSync(process.execPath, args, { cwd: directory, stdio: "ignore" });
    return performance.now() - start;
  };
  for (let round = 0; round < 2; round += 1) time([danubeCommand, "run"]);
  const times = Array.from({ length: 15 }, () => time([danubeCommand, "run"]));
  const floor = median(Array.from({ length: 15 }, () => time(["-e", ""])));
  const p50 = median(times);
  return [
    {
      id: "P2",
      what: "`danube run` of an empty pipeline, whole process",
      goal: "≤ 250 ms",
      measured: ms(p50),
      floor: `${ms(floor)} (an empty node)`,
      met: p50 <= 250,
      numbers: { p50Ms: p50, floorMs: floor },
    },
  ];
};
