import type { V1Pod } from "@kubernetes/client-node";
import { PipelineSpec } from "@danube/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildPod, buildSecret, objectName, type PodSettings } from "./pod-spec.ts";

const settings: PodSettings = {
  namespace: "danube-jobs",
  coordinatorImage: "danube.test/coordinator:1",
  imagePullPolicy: "IfNotPresent",
  instance: "test",
  runAsPolicies: { builder: { runAsUser: 0, addCapabilities: ["CHOWN"] } },
};
const jobId = "01970000-0000-7000-8000-000000000001";
const specOf = (pipeline: object) => {
  const { worker, workers, services, workspace_size_gb, max_duration_seconds } = PipelineSpec.parse({
    repository: "r",
    ...pipeline,
  });
  return {
    jobId,
    pipelineName: "p",
    worker,
    workers,
    services,
    workspaceSizeGb: workspace_size_gb,
    maxDurationSeconds: max_duration_seconds,
    token: "the-job-token",
    rpcUrl: "http://controlplane:9000",
  };
};

/** The restricted Pod Security Standard. Source: kubernetes.io/docs/concepts/security/pod-security-standards. */
function violations(pod: V1Pod): string[] {
  const { spec } = pod;
  const found: string[] = [];
  const volumes = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
  ];
  for (const volume of spec?.volumes ?? []) {
    for (const kind of Object.keys(volume))
      if (kind !== "name" && !volumes.includes(kind)) found.push(`volume ${volume.name}: ${kind}`);
  }
  for (const key of ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"] as const)
    if (spec?.[key]) found.push(key);
  if (spec?.automountServiceAccountToken !== false) found.push("automountServiceAccountToken");
  if (spec?.serviceAccountName !== undefined) found.push("serviceAccountName");
  for (const container of [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])]) {
    const context = container.securityContext;
    if (context?.privileged) found.push(`${container.name}: privileged`);
    if (context?.allowPrivilegeEscalation !== false) found.push(`${container.name}: allowPrivilegeEscalation`);
    if (context?.runAsNonRoot !== true || context.runAsUser === 0) found.push(`${container.name}: root`);
    if (context?.capabilities?.drop?.join() !== "ALL" || (context.capabilities.add ?? []).length > 0)
      found.push(`${container.name}: capabilities`);
    if (context?.seccompProfile?.type !== "RuntimeDefault") found.push(`${container.name}: seccomp`);
    for (const port of container.ports ?? []) if (port.hostPort) found.push(`${container.name}: hostPort`);
  }
  return found;
}

describe("buildPod", () => {
  it("meets the restricted Pod Security Standard, whatever a pipeline asks", () => {
    const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,60}[A-Za-z0-9]$/);
    const image = fc.constantFrom("busybox", "registry.example.com/a/b:1");
    const pipelines = fc.record({
      worker: fc.record({ image, env: fc.dictionary(name, fc.string()) }),
      workers: fc.dictionary(name, fc.record({ image }), { maxKeys: 3 }),
      services: fc.dictionary(
        name,
        fc.record({ image, ready: fc.record({ tcp: fc.integer({ min: 1, max: 65_535 }) }) }),
        { maxKeys: 3 },
      ),
    });
    fc.assert(
      fc.property(pipelines, (pipeline) => {
        const pod = buildPod(specOf(pipeline), settings);
        expect(violations(pod)).toEqual([]);
        const names = pod.spec?.containers.map((container) => container.name) ?? [];
        expect(new Set(names).size).toBe(names.length);
        for (const container of names) expect(container).toMatch(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
      }),
      { numRuns: 200 },
    );
  });

  it("has the job's token nowhere, and gives the Secret to the Coordinator alone", () => {
    const spec = specOf({ workers: { e2e: { image: "busybox" } }, services: { db: { image: "postgres:17" } } });
    const pod = buildPod(spec, settings);
    expect(JSON.stringify(pod)).not.toContain("the-job-token");
    expect(JSON.stringify(buildSecret(spec, settings))).toContain("the-job-token");
    const withSecret = pod.spec?.containers.filter((container) =>
      container.volumeMounts?.some((mount) => mount.name === "sandbox"),
    );
    expect(withSecret?.map((container) => container.name)).toEqual(["coordinator"]);
    expect(pod.metadata?.name).toBe(objectName(jobId));
  });

  it("gives root only by a policy of the operator, and refuses a name that is none", () => {
    const pod = buildPod(specOf({ worker: { image: "builder", run_as: "builder" } }), settings);
    expect(violations(pod)).toEqual(["worker: root", "worker: capabilities"]);
    for (const runAs of ["root", "constructor", "toString"]) {
      expect(() => buildPod(specOf({ worker: { image: "x", run_as: runAs } }), settings)).toThrowError(
        `run_as "${runAs}" is not a policy of this installation; there are: non_root, builder.`,
      );
    }
  });

  it("asks for a little where a worker says nothing, and never for more than its limit", () => {
    const resourcesOf = (resources?: object) =>
      buildPod(specOf({ worker: { resources } }), settings).spec?.containers.find(({ name }) => name === "worker")
        ?.resources;
    expect(resourcesOf()?.requests).toEqual({ cpu: "100m", memory: "128Mi" });
    expect(resourcesOf({ requests: { cpu: "2" } })?.requests).toEqual({ cpu: "2", memory: "128Mi" });
    expect(resourcesOf({ limits: { memory: "64Mi" } })).toEqual({
      requests: { cpu: "100m" },
      limits: { memory: "64Mi" },
    });
  });
});
