// The Pod of a job and the Secret that its Coordinator reads, as pure data.
//
// Containers: an init container that lays the launcher on a volume, the Coordinator, the Worker (`worker`), further named
// workers (`worker-<name>`) and services (`service-<name>`). Everything meets the restricted Pod Security Standard; an
// operator's policy, chosen by name with `run_as`, is the only way to more.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
import { createHash } from "node:crypto";
import type { V1Container, V1Pod, V1Probe, V1Secret, V1SecurityContext, V1Volume } from "@kubernetes/client-node";
import { DanubeError, type PipelineSpec, sandboxFileName } from "@danube/protocol";
import type { SandboxSpec } from "@danube/runtime";

type WorkerSpec = PipelineSpec["worker"];
type ServiceSpec = PipelineSpec["services"][string];

/** Allows a worker more than the restricted standard. Named in the operator's start-up configuration, never in a Blueprint. */
export interface RunAsPolicy {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly allowPrivilegeEscalation?: boolean;
  readonly addCapabilities?: readonly string[];
}

export interface PodSettings {
  readonly namespace: string;
  /** Holds Node.js, git, the bundled Coordinator, the launcher and a static busybox. */
  readonly coordinatorImage: string;
  readonly imagePullPolicy: "IfNotPresent" | "Always" | "Never";
  /** Names this installation, so that two of them in one cluster leave each other's Pods alone. */
  readonly instance: string;
  readonly runAsPolicies: Readonly<Record<string, RunAsPolicy>>;
  readonly nodeSelector?: Readonly<Record<string, string>>;
}

/** Where things are within the Pod. */
export const podPaths = {
  workspace: "/workspace",
  tools: "/danube/bin",
  busybox: "/danube/bin/busybox",
  launcher: "/danube/bin/launcher.sh",
  run: "/danube/run",
  sandbox: "/danube/sandbox",
  temporary: "/danube/tmp",
  home: "/danube/home",
} as const;

export const labels = {
  managedBy: "app.kubernetes.io/managed-by",
  instance: "danube.dev/instance",
  jobId: "danube.dev/job-id",
} as const;

const defaultUser = 10_001;
const restricted = {
  allowPrivilegeEscalation: false,
  runAsNonRoot: true,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
};

/** The selector of everything that this installation has in the cluster. */
export function ownedBy(instance: string): string {
  return `${labels.managedBy}=danube,${labels.instance}=${instance}`;
}

/** The name of a job's Pod, and of its Secret. */
export function objectName(jobId: string): string {
  return `danube-job-${jobId}`;
}

/** The container of a worker; undefined is the default one. */
export function workerContainer(worker: string | undefined): string {
  return worker === undefined || worker === "worker" ? "worker" : containerName("worker", worker);
}

/** Throws `policy_denied` for a `run_as` that the operator has not named. */
export function buildPod(spec: SandboxSpec, settings: PodSettings): V1Pod {
  const workers: [string, WorkerSpec][] = [
    ["worker", spec.worker],
    ...Object.entries(spec.workers).map(([name, worker]): [string, WorkerSpec] => [workerContainer(name), worker]),
  ];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadataOf(spec, settings),
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // A backstop only: the control plane ends jobs in time, and this one if the control plane is gone for good.
      activeDeadlineSeconds: spec.maxDurationSeconds + 900,
      terminationGracePeriodSeconds: 5,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: defaultUser,
        runAsGroup: defaultUser,
        fsGroup: defaultUser,
        seccompProfile: { type: "RuntimeDefault" },
      },
      tolerations: ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].map((key) => ({
        key,
        operator: "Exists",
        effect: "NoExecute",
        tolerationSeconds: 15,
      })),
      ...(settings.nodeSelector === undefined ? {} : { nodeSelector: { ...settings.nodeSelector } }),
      volumes: volumesOf(spec),
      initContainers: [toolsContainer(settings)],
      containers: [
        coordinatorContainer(settings),
        ...workers.map(([name, worker]) => workerContainerOf(name, worker, spec, settings)),
        ...Object.entries(spec.services).map(([name, service]) =>
          serviceContainer(containerName("service", name), service, settings),
        ),
      ],
    },
  };
}

/** What the Coordinator alone may read: its sandbox file with the job's token. */
export function buildSecret(spec: SandboxSpec, settings: PodSettings): V1Secret {
  const sandbox = {
    jobId: spec.jobId,
    token: spec.token,
    rpcUrl: spec.rpcUrl,
    workspace: podPaths.workspace,
    runDirectory: podPaths.run,
    temporaryDirectory: podPaths.temporary,
  };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadataOf(spec, settings),
    type: "Opaque",
    immutable: true,
    stringData: { [sandboxFileName]: JSON.stringify(sandbox) },
  };
}

function metadataOf(spec: SandboxSpec, settings: PodSettings): NonNullable<V1Pod["metadata"]> {
  return {
    name: objectName(spec.jobId),
    namespace: settings.namespace,
    labels: { [labels.managedBy]: "danube", [labels.instance]: settings.instance, [labels.jobId]: spec.jobId },
    annotations: {
      "danube.dev/pipeline": spec.pipelineName,
      // A job must not be moved or evicted to save a node; the names are those of the common autoscalers.
      "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
      "karpenter.sh/do-not-disrupt": "true",
    },
  };
}

function volumesOf(spec: SandboxSpec): V1Volume[] {
  return [
    { name: "workspace", emptyDir: { sizeLimit: `${Math.ceil(spec.workspaceSizeGb * 1_000)}M` } },
    { name: "tools", emptyDir: { sizeLimit: "16Mi" } },
    { name: "run", emptyDir: {} },
    { name: "temporary", emptyDir: {} },
    { name: "home", emptyDir: {} },
    { name: "sandbox", secret: { secretName: objectName(spec.jobId), defaultMode: 0o440 } },
  ];
}

function toolsContainer(settings: PodSettings): V1Container {
  return {
    name: "launcher",
    image: settings.coordinatorImage,
    imagePullPolicy: settings.imagePullPolicy,
    command: ["/danube/busybox", "cp", "/danube/busybox", "/danube/launcher.sh", `${podPaths.tools}/`],
    securityContext: { ...restricted, readOnlyRootFilesystem: true },
    resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { memory: "64Mi" } },
    volumeMounts: [{ name: "tools", mountPath: podPaths.tools }],
  };
}

function coordinatorContainer(settings: PodSettings): V1Container {
  return {
    name: "coordinator",
    image: settings.coordinatorImage,
    imagePullPolicy: settings.imagePullPolicy,
    command: ["node", "/danube/coordinator.mjs", `${podPaths.sandbox}/${sandboxFileName}`],
    workingDir: podPaths.workspace,
    env: [
      { name: "HOME", value: podPaths.temporary },
      { name: "TMPDIR", value: podPaths.temporary },
      { name: "DANUBE_WORKSPACE", value: podPaths.workspace },
    ],
    securityContext: { ...restricted, readOnlyRootFilesystem: true },
    resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "1Gi" } },
    terminationMessagePolicy: "FallbackToLogsOnError",
    volumeMounts: [
      { name: "workspace", mountPath: podPaths.workspace },
      { name: "run", mountPath: podPaths.run },
      { name: "temporary", mountPath: podPaths.temporary },
      { name: "sandbox", mountPath: podPaths.sandbox, readOnly: true },
    ],
  };
}

// A worker idles as process 1: commands come by exec, and orphans of theirs are reaped here. At its end, whatever still runs
// is asked to end too, and has the Pod's grace for it; when process 1 ends, the kernel kills the rest.
const workerScript = [
  `${podPaths.busybox} mkdir -p ${podPaths.home}/tmp`,
  `trap 'kill -TERM -1; while set -- /proc/[0-9]*; [ $# -gt 1 ]; do ${podPaths.busybox} sleep 0.05; done; exit 0' TERM`,
  `while :; do ${podPaths.busybox} sleep 86400 & wait $!; done`,
].join("\n");

function workerContainerOf(name: string, worker: WorkerSpec, spec: SandboxSpec, settings: PodSettings): V1Container {
  return {
    name,
    image: worker.image,
    imagePullPolicy: settings.imagePullPolicy,
    command: [podPaths.busybox, "sh", "-c", workerScript],
    workingDir: podPaths.workspace,
    env: [
      { name: "CI", value: "true" },
      { name: "DANUBE", value: "true" },
      { name: "DANUBE_JOB_ID", value: spec.jobId },
      { name: "DANUBE_WORKSPACE", value: podPaths.workspace },
      { name: "HOME", value: podPaths.home },
      { name: "TMPDIR", value: `${podPaths.home}/tmp` },
    ],
    securityContext: securityContextOf(worker.run_as, settings),
    resources: resourcesOf(worker),
    volumeMounts: [
      { name: "workspace", mountPath: podPaths.workspace },
      { name: "run", mountPath: podPaths.run },
      { name: "tools", mountPath: podPaths.tools, readOnly: true },
      { name: "home", mountPath: podPaths.home },
    ],
  };
}

/** What a worker asks for. Where nothing is said there is a small request, without which quotas let no Pod in. */
function resourcesOf({ resources }: WorkerSpec): NonNullable<V1Container["resources"]> {
  const { requests = {}, limits = {} } = resources ?? {};
  const defaults = Object.entries({ cpu: "100m", memory: "128Mi" }).filter(([name]) => !Object.hasOwn(limits, name));
  return {
    requests: { ...Object.fromEntries(defaults), ...withoutUndefined(requests) },
    limits: withoutUndefined(limits),
  };
}

function withoutUndefined(quantities: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(quantities).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function serviceContainer(name: string, service: ServiceSpec, settings: PodSettings): V1Container {
  return {
    name,
    image: service.image,
    imagePullPolicy: settings.imagePullPolicy,
    env: Object.entries(service.env).map(([variable, value]) => ({ name: variable, value })),
    securityContext: { ...restricted },
    resources: { requests: { cpu: "50m", memory: "64Mi" } },
    ...(service.ready === undefined ? {} : { readinessProbe: probeOf(service.ready) }),
  };
}

function probeOf(ready: NonNullable<ServiceSpec["ready"]>): V1Probe {
  const timing = { periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 1 };
  if ("tcp" in ready) return { tcpSocket: { port: ready.tcp }, ...timing };
  if ("command" in ready) return { exec: { command: [...ready.command] }, ...timing };
  const [, port, path] = /^:(\d+)(\/.*)$/.exec(ready.http) ?? [];
  return { httpGet: { port: Number(port), path: path ?? "/" }, ...timing };
}

function securityContextOf(runAs: string, settings: PodSettings): V1SecurityContext {
  if (runAs === "non_root") return { ...restricted };
  const policy = Object.hasOwn(settings.runAsPolicies, runAs) ? settings.runAsPolicies[runAs] : undefined;
  if (policy === undefined) {
    const known = ["non_root", ...Object.keys(settings.runAsPolicies)].join(", ");
    throw new DanubeError(
      "policy_denied",
      `run_as "${runAs}" is not a policy of this installation; there are: ${known}.`,
    );
  }
  return {
    ...restricted,
    ...(policy.runAsUser === undefined ? {} : { runAsUser: policy.runAsUser, runAsNonRoot: policy.runAsUser !== 0 }),
    ...(policy.runAsGroup === undefined ? {} : { runAsGroup: policy.runAsGroup }),
    allowPrivilegeEscalation: policy.allowPrivilegeEscalation ?? false,
    capabilities: {
      drop: ["ALL"],
      ...(policy.addCapabilities === undefined ? {} : { add: [...policy.addCapabilities] }),
    },
  };
}

/** A container's name: a DNS label of at most 63 characters. What a name cannot keep of the original, a digest tells apart. */
function containerName(kind: "worker" | "service", name: string): string {
  const label = name.toLowerCase().replace(/[^a-z0-9-]/g, "-");
  if (label === name && name.length <= 40) return `${kind}-${name}`;
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${kind}-${label.slice(0, 40).replace(/-+$/, "")}-${digest}`;
}
