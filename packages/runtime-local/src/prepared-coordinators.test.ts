import { PipelineSpec } from "@danube/protocol";
import { existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { RuntimeDriver } from "@danube/runtime";
import { describeDriverContract, eventually, recordObservations } from "@danube/runtime/testing";
import { afterEach, describe, expect, it } from "vitest";
import { type LocalHarness, makeLocalHarness } from "./local-harness.ts";
import { isAlive } from "./process-table.ts";
import { readRecord, sandboxPaths } from "./sandbox-directory.ts";

let harness: LocalHarness | undefined;
afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

const preparedOf = ({ root }: LocalHarness) => {
  const parent = join(root, ".prepared");
  return existsSync(parent) ? readdirSync(parent).map((name) => join(parent, name)) : [];
};

// Waits until so many directories are there and their Coordinators have begun.
async function waitForPrepared(of: LocalHarness, count: number): Promise<string[]> {
  return await eventually(async () => {
    const ready = preparedOf(of).filter((directory) => existsSync(join(directory, "output.log")));
    return ready.length === count ? ready : undefined;
  }, `${count} prepared Coordinators`);
}

describeDriverContract("local, with prepared Coordinators,", {
  runsCommands: false,
  makeHarness: () => makeLocalHarness({ warm: 1 }),
});

describe("prepared Coordinators", () => {
  async function start(warm: number): Promise<{ of: LocalHarness; driver: RuntimeDriver }> {
    const of = await makeLocalHarness({ warm });
    harness = of;
    await of.driver.start();
    return { of, driver: of.driver };
  }

  it("are used once each, get their sandbox.json where they wait, and are replaced", async () => {
    const { of, driver } = await start(2);
    const first = await waitForPrepared(of, 2);
    expect(first.flatMap((directory) => readdirSync(directory))).toEqual(["output.log", "output.log"]);
    const specs = [of.spec(), of.spec()];
    await Promise.all(specs.map((spec) => driver.createSandbox(spec)));
    const used = specs.map(({ jobId }) => readRecord(sandboxPaths(of.root, jobId).record));
    expect(new Set(used.map((record) => record?.preparedDirectory))).toEqual(new Set(first));
    for (const [index, record] of used.entries()) {
      const file = JSON.parse(readFileSync(join(record?.preparedDirectory ?? "", "sandbox.json"), "utf8")) as object;
      expect(file).toMatchObject({ jobId: specs[index]?.jobId, token: "the-token" });
    }
    await waitForPrepared(of, 4);
    for (const { jobId } of specs) {
      await driver.deleteSandbox(jobId, { graceMs: 0 });
      expect(await of.leftovers(jobId)).toEqual([]);
    }
    expect(used.some((record) => record?.coordinator && isAlive(record.coordinator))).toBe(false);
    expect(preparedOf(of)).toHaveLength(2);
  });

  it("end when the driver stops, but those in use go on", async () => {
    const { of, driver } = await start(1);
    await waitForPrepared(of, 1);
    const spec = of.spec();
    await driver.createSandbox(spec);
    const record = readRecord(sandboxPaths(of.root, spec.jobId).record);
    await waitForPrepared(of, 2);
    await driver.stop();
    expect(preparedOf(of)).toEqual([record?.preparedDirectory]);
    expect(record?.coordinator && isAlive(record.coordinator)).toBe(true);
    const next = await of.restart();
    const observations = recordObservations(next);
    await next.start();
    await observations.waitFor(spec.jobId, "ready");
    await of.endCoordinator(spec.jobId);
    await observations.waitFor(spec.jobId, "ended");
  });

  it("get their sandbox.json after a restart, if we died before we gave it to them", async () => {
    const { of, driver } = await start(1);
    await waitForPrepared(of, 1);
    const spec = of.spec();
    await driver.createSandbox(spec);
    const paths = sandboxPaths(of.root, spec.jobId);
    const place = join(readRecord(paths.record)?.preparedDirectory ?? "", "sandbox.json");
    const next = await of.restart();
    renameSync(place, join(paths.coordinator, "sandbox.json"));
    await next.start();
    expect(existsSync(place)).toBe(true);
    expect(await next.listSandboxes()).toEqual([{ jobId: spec.jobId, phase: "ready" }]);
  });

  it("are as many as the pipelines ask for, beside those of the server, and fewer when they ask for fewer", async () => {
    const { of, driver } = await start(1);
    const pipelineOf = (name: string, warm: number) => ({
      name,
      spec: PipelineSpec.parse({ repository: "https://example.com/r.git", warm }),
    });
    driver.configure?.({ egressAllowlist: [], pipelines: [pipelineOf("a", 1), pipelineOf("b", 1)] });
    const three = await waitForPrepared(of, 3);
    driver.configure?.({ egressAllowlist: [], pipelines: [] });
    const [left] = await eventually(async () => {
      const directories = preparedOf(of);
      return directories.length === 1 ? directories : undefined;
    }, "one prepared Coordinator");
    expect(three).toContain(left);
  });

  it("that died are not used", async () => {
    const { of, driver } = await start(1);
    const [directory] = await waitForPrepared(of, 1);
    const pid = findByDirectory(directory ?? "");
    process.kill(-pid, "SIGKILL");
    await eventually(async () => (existsSync(`/proc/${pid}`) ? undefined : true), "the death");
    const spec = of.spec();
    await driver.createSandbox(spec);
    const record = readRecord(sandboxPaths(of.root, spec.jobId).record);
    expect(record?.preparedDirectory).toBeUndefined();
    expect(record?.coordinator && isAlive(record.coordinator)).toBe(true);
  });
});

function findByDirectory(directory: string): number {
  const found = readdirSync("/proc").find((name) => {
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(directory);
    } catch {
      return false;
    }
  });
  return Number(found);
}
