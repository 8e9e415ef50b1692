// The Kubernetes driver on the test cluster, for the drivers' contract: with a Coordinator that does nothing but wait.
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { Exec, type V1Status } from "@kubernetes/client-node";
import { PipelineSpec, stepFile } from "@danube/protocol";
import type { RuntimeDriver, SandboxSpec } from "@danube/runtime";
import { type DriverHarness, eventually, newTestId } from "@danube/runtime/testing";
import { silentLogger } from "@danube/kit";
import { createKubernetesDriver, type KubernetesDriverOptions } from "../kubernetes-driver.ts";
import { labels, objectName, podPaths } from "../pod-spec.ts";
import { processesMentioning, processesOfContainer } from "./node-processes.ts";
import { openTestCluster, type TestCluster } from "./test-cluster.ts";

const launcher = fileURLToPath(new URL("../../../runtime/src/launcher/launcher.sh", import.meta.url));

/** An image with the launcher, and with a Coordinator that waits: quick to start. */
const waitingCoordinator = {
  name: "waiting-coordinator",
  dockerfile: `FROM docker.io/library/busybox:latest
COPY launcher.sh node /danube/
RUN cp /bin/busybox /danube/busybox && mv /danube/node /bin/node && chmod 755 /bin/node /danube/launcher.sh
`,
  files: { "launcher.sh": launcher, node: fileURLToPath(new URL("./waiting-coordinator.sh", import.meta.url)) },
};

export interface ClusterHarness extends DriverHarness {
  readonly cluster: TestCluster;
  /** The label of everything that its drivers make. */
  readonly instance: string;
  spec(changes?: Partial<SandboxSpec>): SandboxSpec;
}

export async function makeClusterHarness(options: Partial<KubernetesDriverOptions> = {}): Promise<ClusterHarness> {
  const namespace = "danube-driver-test";
  const cluster = openTestCluster();
  const { core, config } = cluster;
  await cluster.ensureNamespace(namespace);
  const coordinatorImage = await cluster.image(waitingCoordinator);
  // Harnesses of different tests leave each other's Pods alone.
  const instance = `test-${newTestId()}`;
  const drivers: RuntimeDriver[] = [];
  const jobs: string[] = [];
  const pipeline = PipelineSpec.parse({
    repository: "https://example.com/repository.git",
    worker: { image: "debian:bookworm-slim" },
  });

  function newDriver(): RuntimeDriver {
    const pods = { namespace, coordinatorImage, imagePullPolicy: "IfNotPresent", instance, runAsPolicies: {} } as const;
    const driver = createKubernetesDriver({ config, pods, logger: silentLogger, ...options });
    drivers.push(driver);
    return driver;
  }

  const findPods = async (jobId: string) =>
    (await core.listNamespacedPod({ namespace, labelSelector: `${labels.jobId}=${jobId}` })).items;

  return {
    cluster,
    instance,
    driver: newDriver(),
    runsCommands: true,
    spec(changes) {
      const jobId = newTestId();
      jobs.push(jobId);
      return {
        jobId,
        pipelineName: "pipeline",
        worker: pipeline.worker,
        workers: {},
        services: {},
        workspaceSizeGb: 1,
        maxDurationSeconds: 600,
        token: "the-token",
        rpcUrl: "http://127.0.0.1:9000",
        ...changes,
      };
    },
    async restart() {
      await drivers.at(-1)?.stop();
      return newDriver();
    },
    async readStepFile(jobId, stepId, name) {
      const stdout = new PassThrough();
      const stderr = new PassThrough();
      const chunks: Buffer[] = [];
      stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
      stderr.resume();
      const ended = Promise.withResolvers<V1Status>();
      const command = [podPaths.busybox, "cat", stepFile(podPaths.run, stepId, name)];
      const exec = new Exec(config);
      await exec.exec(namespace, objectName(jobId), "worker", command, stdout, stderr, null, false, ended.resolve);
      const { status } = await ended.promise;
      return status === "Success" ? Buffer.concat(chunks) : undefined;
    },
    async endCoordinator(jobId) {
      const [pod] = await findPods(jobId);
      const coordinator = pod?.status?.containerStatuses?.find(({ name }) => name === "coordinator");
      const [first] = processesOfContainer(coordinator?.containerID ?? "none");
      if (first === undefined) throw new Error(`Job ${jobId} has no Coordinator.`);
      process.kill(first, "SIGKILL");
      // Kubernetes learns of it some time later; a driver that asks meanwhile is told that it runs.
      await eventually(async () => {
        const statuses = (await findPods(jobId))[0]?.status?.containerStatuses ?? [];
        return statuses.find(({ name }) => name === "coordinator")?.state?.terminated;
      }, "the end of the Coordinator");
    },
    async leftovers(jobId) {
      const labelSelector = `${labels.jobId}=${jobId}`;
      const secrets = (await core.listNamespacedSecret({ namespace, labelSelector })).items;
      const objects = [...(await findPods(jobId)), ...secrets].map(({ kind, metadata }) => `${kind} ${metadata?.name}`);
      return [...objects, ...processesMentioning(jobId).map((pid) => `process ${pid}`)];
    },
    async close() {
      const driver = drivers.at(-1) as RuntimeDriver;
      await Promise.all(jobs.map((jobId) => driver.deleteSandbox(jobId, { graceMs: 0 })));
      await Promise.all(drivers.map((it) => it.stop()));
    },
  };
}
