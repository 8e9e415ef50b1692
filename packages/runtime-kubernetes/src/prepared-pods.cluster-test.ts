// Prepared Pods on the real cluster, with a Coordinator that does nothing but wait.
import { PassThrough } from "node:stream";
import { Exec, type V1Pod, type V1Status } from "@kubernetes/client-node";
import { PipelineSpec } from "@danube/protocol";
import { buildStepScript, type RuntimeDriver } from "@danube/runtime";
import { eventually, newTestId, recordObservations, waitForEnd } from "@danube/runtime/testing";
import { afterEach, describe, expect, it } from "vitest";
import { labels, podPaths } from "./pod-spec.ts";
import { viewPod } from "./pod-view.ts";
import { preparedLabels } from "./prepared-pod.ts";
import { type ClusterHarness, makeClusterHarness } from "./testing/cluster-harness.ts";

const namespace = "danube-driver-test";
let of: ClusterHarness;
afterEach(async () => await of?.close());

const pipelineOf = (warm: number) =>
  PipelineSpec.parse({
    repository: "https://example.com/r.git",
    worker: { image: "debian:bookworm-slim" },
    workspace_size_gb: 1,
    warm,
  });

async function start(warm: number): Promise<RuntimeDriver> {
  of = await makeClusterHarness();
  of.driver.configure?.({ egressAllowlist: [], pipelines: [{ name: "pipeline", spec: pipelineOf(warm) }] });
  await of.driver.start();
  return of.driver;
}

async function podsOf(instance: string): Promise<V1Pod[]> {
  const labelSelector = `${preparedLabels.key},${labels.instance}=${instance}`;
  return (await of.cluster.core.listNamespacedPod({ namespace, labelSelector })).items;
}

/** Waits until exactly so many Pods wait for a job. */
async function waitForPrepared(count: number): Promise<V1Pod[]> {
  return await eventually(
    async () => {
      const free = (await podsOf(of.instance)).filter((pod) => pod.metadata?.labels?.[labels.jobId] === undefined);
      const ready = free.filter((pod) => viewPod(pod).state === "ready");
      return free.length === count && ready.length === count ? ready : undefined;
    },
    `${count} prepared Pods`,
    60_000,
  );
}

async function cat(pod: string, container: string, path: string): Promise<string> {
  const stdout = new PassThrough();
  const stderr = new PassThrough().resume();
  let text = "";
  stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const ended = Promise.withResolvers<V1Status>();
  const words = [container === "coordinator" ? "/danube/busybox" : podPaths.busybox, "cat", path];
  await new Exec(of.cluster.config).exec(namespace, pod, container, words, stdout, stderr, null, false, ended.resolve);
  return (await ended.promise).status === "Success" ? text : "";
}

describe("prepared Pods", () => {
  it("are used once each, are handed their job's token alone, and are replaced", async () => {
    const driver = await start(1);
    const [prepared] = await waitForPrepared(1);
    const observations = recordObservations(driver);
    const name = prepared?.metadata?.name ?? "";
    const spec = of.spec();
    const at = performance.now();
    await driver.createSandbox(spec);
    await observations.waitFor(spec.jobId, "ready");
    const claimedMs = performance.now() - at;

    const used = (await podsOf(of.instance)).find((pod) => pod.metadata?.labels?.[labels.jobId] === spec.jobId);
    expect(used?.metadata?.name).toBe(name);
    expect(used?.spec?.activeDeadlineSeconds).toBeGreaterThanOrEqual(spec.maxDurationSeconds + 900);
    expect(JSON.stringify(used)).not.toContain(spec.token);
    const file = `${podPaths.sandbox}/sandbox.json`;
    expect(JSON.parse(await cat(name, "coordinator", file))).toMatchObject({ jobId: spec.jobId, token: spec.token });
    expect(await cat(name, "worker", file)).toBe("");

    const stepId = newTestId();
    const script = buildStepScript({ command: { shell: "echo job $DANUBE_JOB_ID in $DANUBE_WORKSPACE" } });
    await driver.exec(spec.jobId, undefined, { verb: "launch", stepId, capture: false, script });
    expect(await waitForEnd(driver, spec.jobId, stepId)).toEqual({ state: "exited", exitCode: 0 });
    expect(await cat(name, "worker", `${podPaths.run}/${stepId}/output`)).toBe(`job ${spec.jobId} in /workspace\n`);

    // Asked again it is the same sandbox; another job gets the Pod that took its place.
    await driver.createSandbox(spec);
    const [next] = await waitForPrepared(1);
    expect(next?.metadata?.name).not.toBe(name);
    expect((await driver.listSandboxes()).map(({ jobId }) => jobId)).toEqual([spec.jobId]);
    await driver.deleteSandbox(spec.jobId, { graceMs: 0 });
    expect(await of.leftovers(spec.jobId)).toEqual([]);

    // Another kind of job gets a Pod of its own, from the start.
    const other = of.spec({ workspaceSizeGb: 2 });
    const coldAt = performance.now();
    await driver.createSandbox(other);
    await observations.waitFor(other.jobId, "ready");
    const coldMs = performance.now() - coldAt;
    expect(claimedMs, `${claimedMs.toFixed(0)} ms, without preparation ${coldMs.toFixed(0)} ms`).toBeLessThan(
      coldMs / 2,
    );

    driver.configure?.({ egressAllowlist: [], pipelines: [] });
    await waitForPrepared(0);
  });

  it("are not taken over from a process before; those that have a job go on", async () => {
    const driver = await start(1);
    await waitForPrepared(1);
    const spec = of.spec();
    await driver.createSandbox(spec);
    const [left] = await waitForPrepared(1);
    const next = await of.restart();
    const observations = recordObservations(next);
    next.configure?.({ egressAllowlist: [], pipelines: [{ name: "pipeline", spec: pipelineOf(1) }] });
    await next.start();
    await observations.waitFor(spec.jobId, "ready");
    const stepId = newTestId();
    const script = buildStepScript({ command: { shell: "exit 3" } });
    await next.exec(spec.jobId, undefined, { verb: "launch", stepId, capture: false, script });
    expect(await waitForEnd(next, spec.jobId, stepId)).toEqual({ state: "exited", exitCode: 3 });
    const replaced = async () => {
      const free = (await waitForPrepared(1))[0]?.metadata?.name;
      return free === left?.metadata?.name ? undefined : free;
    };
    await eventually(replaced, "a Pod of the new process", 60_000);
    await of.endCoordinator(spec.jobId);
    await observations.waitFor(spec.jobId, "ended");
  });
});
