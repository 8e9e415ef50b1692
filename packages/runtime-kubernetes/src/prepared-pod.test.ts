import { PipelineSpec } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import { buildPod, labels, type PodSettings } from "./pod-spec.ts";
import {
  buildPreparedPod,
  preparedKey,
  preparedLabels,
  sandboxFileOf,
  takeFileCommand,
  withJobId,
} from "./prepared-pod.ts";

const settings: PodSettings = {
  namespace: "danube-jobs",
  coordinatorImage: "danube/coordinator:1",
  imagePullPolicy: "IfNotPresent",
  instance: "test",
  runAsPolicies: {},
};
const shapeOf = (spec: object) => {
  const { worker, workers, services, workspace_size_gb } = PipelineSpec.parse({
    repository: "https://x.test/r",
    ...spec,
  });
  return { worker, workers, services, workspaceSizeGb: workspace_size_gb };
};
const jobOf = (shape: ReturnType<typeof shapeOf>) => ({
  ...shape,
  jobId: "0198c0de-0000-7000-8000-000000000001",
  pipelineName: "site",
  maxDurationSeconds: 600,
  token: "the-job-token",
  rpcUrl: "http://controlplane:9000",
});
const shape = shapeOf({
  worker: { image: "node:24", env: { A: "1" } },
  workers: { e2e: { image: "browsers:1" } },
  services: { db: { image: "postgres:17" } },
});

describe("a prepared Pod", () => {
  it("differs from a job's own only in what only a job has", () => {
    const pod = buildPreparedPod({ shape, settings, name: "danube-prepared-1", by: "process" });
    const own = buildPod(jobOf(shape), settings);
    expect(pod.metadata?.labels).toEqual({
      "app.kubernetes.io/managed-by": "danube",
      [labels.instance]: "test",
      [preparedLabels.key]: preparedKey(shape),
      [preparedLabels.by]: "process",
    });
    expect(pod.spec?.activeDeadlineSeconds).toBeUndefined();
    expect(pod.spec?.volumes?.find(({ name }) => name === "sandbox")).toEqual({
      name: "sandbox",
      emptyDir: { medium: "Memory", sizeLimit: "1Mi" },
    });
    const withSandbox = pod.spec?.containers.filter((container) =>
      container.volumeMounts?.some((mount) => mount.name === "sandbox"),
    );
    expect(withSandbox?.map(({ name }) => name)).toEqual(["coordinator"]);
    for (const [index, container] of (pod.spec?.containers ?? []).entries()) {
      const same = own.spec?.containers[index];
      expect(container.securityContext).toEqual(same?.securityContext);
      expect(container.resources).toEqual(same?.resources);
      expect(container.command).toEqual(same?.command);
      expect(container.env).toEqual(same?.env?.filter(({ name }) => name !== "DANUBE_JOB_ID"));
    }
    expect(pod.spec?.securityContext).toEqual(own.spec?.securityContext);
    expect(pod.spec?.automountServiceAccountToken).toBe(false);
    expect(JSON.stringify(pod)).not.toMatch(/secretName|the-job-token/);
  });

  it("is for the jobs whose containers are the same, in whatever order they are written", () => {
    const images = { a: { image: "a:1" }, b: { image: "b:1" } };
    const key = preparedKey(shapeOf({ workers: images }));
    expect(preparedKey(shapeOf({ workers: { b: images.b, a: images.a } }))).toBe(key);
    expect(preparedKey(shapeOf({ workers: { ...images, b: { image: "b:2" } } }))).not.toBe(key);
    expect(preparedKey(shapeOf({ workers: images, workspace_size_gb: 6 }))).not.toBe(key);
    expect(key).toMatch(/^[0-9a-f]{1,63}$/);
  });

  it("takes its job's file from standard input: nothing of it is in the command", () => {
    const file = sandboxFileOf(jobOf(shape), settings);
    expect(JSON.parse(Buffer.from(file).toString())).toMatchObject({ token: "the-job-token", workspace: "/workspace" });
    const command = takeFileCommand(file.byteLength);
    expect(command.at(-1)).toBe(String(file.byteLength));
    expect(command.join(" ")).not.toContain("the-job-token");
  });

  it("gives steps their job's id, which its containers do not have", () => {
    const script = Buffer.from("exec true\n");
    const launch = withJobId({ verb: "launch", stepId: "s", capture: false, script }, "job-1");
    expect("script" in launch && Buffer.from(launch.script).toString()).toBe(
      "export DANUBE_JOB_ID='job-1'\nexec true\n",
    );
    const probe = { verb: "probe", stepId: "s" } as const;
    expect(withJobId(probe, "job-1")).toBe(probe);
  });
});
