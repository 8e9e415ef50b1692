// Danube in the cluster as an operator would have it: three Deployments in danube-system on one volume, from their own images,
// jobs in danube-jobs, and one ServiceAccount, the control plane's, that may do something only there.
import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { accessRules } from "@danube/runtime-kubernetes";
import { createDanubeApi, type DanubeApi } from "./danube-api.ts";
import { type ServiceName, serviceNames } from "./danube-services.ts";
import { webhookSecret } from "./danube-up.ts";
import { apply, buildImage, kubectl, type KubernetesObject } from "./kubectl.ts";

const namespace = "danube-system";
const namespaceJobs = "danube-jobs";

/** A claim that is deleted takes one of the cluster's few volumes with it, and the account serves other tests too. */
const kept = new Set(["PersistentVolumeClaim", "ServiceAccount", "Role", "RoleBinding"]);

export interface InstalledDanube {
  /** The API at its ClusterIP. */
  readonly url: string;
  readonly api: DanubeApi;
  readonly namespace: string;
  readonly namespaceJobs: string;
  /** The name of the service's Pod. */
  pod(service: ServiceName): Promise<string>;
  /** What the services have printed, for a failure's message. */
  output(): Promise<string>;
  remove(): Promise<void>;
}

/** Builds the images, installs everything and waits until it is ready. */
export async function installDanube(options: {
  readonly blueprintUrl: string;
  readonly env?: Readonly<Record<string, string>>;
}): Promise<InstalledDanube> {
  const images = { api: "", controlplane: "", scheduler: "", coordinator: "" };
  for (const app of [...serviceNames, "coordinator"] as const) images[app] = await buildImage(app);
  const objects = manifests({ ...options, images });
  await apply([namespaceOf(namespace), namespaceOf(namespaceJobs)]);
  await apply(objects);
  const output = async (): Promise<string> => {
    const logs = serviceNames.map((name) =>
      kubectl("logs", "-n", namespace, "-l", `app.kubernetes.io/component=${name}`, "--tail=60"),
    );
    return (await Promise.all(logs.map((log) => log.catch(String)))).join("\n---\n");
  };
  const remove = async (): Promise<void> => {
    for (const { kind, metadata } of [...objects].reverse()) {
      if (kept.has(kind)) continue;
      await kubectl("delete", kind, metadata.name, "-n", metadata.namespace ?? namespace, "--ignore-not-found");
    }
    const gone = ["--for=delete", "pod", "-l", "app.kubernetes.io/name=danube", "--timeout=60s"];
    await kubectl("wait", "-n", namespace, ...gone).catch(async (error: unknown) => {
      throw new Error(`Danube's Pods do not end:\n${await output()}`, { cause: error });
    });
  };
  try {
    for (const name of serviceNames)
      await kubectl("rollout", "status", "-n", namespace, `deployment/${name}`, "--timeout=90s");
    const service = await kubectl("get", "service", "api", "-n", namespace, "-o", "jsonpath={.spec.clusterIP}");
    const token = await kubectl("exec", "-n", namespace, "deployment/api", "--", "cat", "/data/keys/local.token");
    const url = `http://${service}`;
    const api = createDanubeApi(url, token.trim());
    await firstBlueprint(api);
    return {
      url,
      api,
      namespace,
      namespaceJobs,
      pod: async (name) =>
        await kubectl(
          "get",
          "pod",
          "-n",
          namespace,
          "-l",
          `app.kubernetes.io/component=${name}`,
          "-o",
          "jsonpath={.items[0].metadata.name}",
        ),
      output,
      remove,
    };
  } catch (error) {
    const words = await output();
    await remove();
    throw new Error(`Danube did not come up:\n${words}`, { cause: error });
  }
}

/** Waits until the Blueprint's pipelines are there. */
async function firstBlueprint(api: DanubeApi): Promise<void> {
  for (const deadline = Date.now() + 60_000; ; await setTimeout(200)) {
    const answer = await api.get("/api/v1/pipelines").catch(() => undefined);
    if (answer?.ok && ((await answer.json()) as { items: unknown[] }).items.length > 0) return;
    if (Date.now() > deadline) throw new Error("No Blueprint was applied within 60 s.");
  }
}

function manifests(options: {
  blueprintUrl: string;
  images: Readonly<Record<ServiceName | "coordinator", string>>;
  env?: Readonly<Record<string, string>>;
}): KubernetesObject[] {
  const { images } = options;
  // One claim for all runs, and a folder of its own for each.
  const folder = `run-${randomBytes(6).toString("hex")}`;
  const shared = {
    DANUBE_SERVER_DATA_DIR: "/data",
    DANUBE_SERVER_INTERNAL_TOKEN_FILE: "/secrets/service-token",
    DANUBE_SERVER_INTERNAL_URL: `http://controlplane.${namespace}.svc.cluster.local:9001`,
    DANUBE_CONFIG_REPO_URL: options.blueprintUrl,
    DANUBE_CONFIG_REPO_SYNC_INTERVAL: "2s",
    ...options.env,
  };
  const environments: Record<ServiceName, Record<string, string>> = {
    api: { ...shared, DANUBE_WEBHOOKS_GITHUB_SECRET_FILE: "/secrets/github" },
    controlplane: {
      ...shared,
      DANUBE_SERVER_INTERNAL_ADDRESS: "0.0.0.0:9001",
      DANUBE_SERVER_RPC_URL: `http://controlplane.${namespace}.svc.cluster.local:9000`,
      DANUBE_KUBERNETES_COORDINATOR_IMAGE: images.coordinator,
    },
    scheduler: shared,
  };
  const metadata = (name: string, inNamespace = namespace) => ({ name, namespace: inNamespace });
  const service = (name: string, ports: Record<string, [number, number]>): KubernetesObject => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: metadata(name),
    spec: {
      selector: labelsOf(name),
      ports: Object.entries(ports).map(([portName, [port, targetPort]]) => ({ name: portName, port, targetPort })),
    },
  });
  const role = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "danube" };
  return [
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: metadata("danube-data"),
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    },
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: metadata("danube"),
      stringData: { "service-token": randomBytes(32).toString("base64url"), github: webhookSecret },
    },
    { apiVersion: "v1", kind: "ServiceAccount", metadata: metadata("danube-controlplane") },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      metadata: metadata("danube", namespaceJobs),
      rules: accessRules({ cilium: false }),
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      metadata: metadata("danube", namespaceJobs),
      roleRef: role,
      subjects: [{ kind: "ServiceAccount", name: "danube-controlplane", namespace }],
    },
    service("api", { http: [80, 8080] }),
    service("controlplane", { jobs: [9000, 9000], services: [9001, 9001] }),
    ...serviceNames.map((name) => deployment(name, images[name], environments[name], folder)),
  ];
}

function deployment(name: ServiceName, image: string, env: Record<string, string>, folder: string): KubernetesObject {
  const labels = labelsOf(name);
  const ports = { api: 8080, controlplane: 9001, scheduler: undefined };
  const port = ports[name];
  // The scheduler writes nothing that matters: a clone of the Blueprint.
  const data = name === "scheduler" ? { emptyDir: {} } : { persistentVolumeClaim: { claimName: "danube-data" } };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels },
    spec: {
      replicas: 1,
      // There is one writer, and one reader beside it on the same node.
      strategy: { type: "Recreate" },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          ...(name === "controlplane" ? { serviceAccountName: "danube-controlplane" } : {}),
          automountServiceAccountToken: name === "controlplane",
          enableServiceLinks: false,
          securityContext: { fsGroup: 10_001 },
          containers: [
            {
              name,
              image,
              imagePullPolicy: "IfNotPresent",
              env: Object.entries(env).map(([variable, value]) => ({ name: variable, value })),
              securityContext: {
                runAsNonRoot: true,
                runAsUser: 10_001,
                runAsGroup: 10_001,
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ["ALL"] },
                seccompProfile: { type: "RuntimeDefault" },
              },
              resources: { requests: { cpu: "20m", memory: "64Mi" }, limits: { memory: "512Mi" } },
              ...(port === undefined ? {} : { readinessProbe: { tcpSocket: { port }, periodSeconds: 1 } }),
              volumeMounts: [
                { name: "data", mountPath: "/data", ...(name === "scheduler" ? {} : { subPath: folder }) },
                { name: "secrets", mountPath: "/secrets", readOnly: true },
                { name: "temporary", mountPath: "/tmp" },
              ],
            },
          ],
          volumes: [
            { name: "data", ...data },
            { name: "secrets", secret: { secretName: "danube", defaultMode: 0o440 } },
            { name: "temporary", emptyDir: {} },
          ],
        },
      },
    },
  };
}

function labelsOf(component: string): Record<string, string> {
  return { "app.kubernetes.io/name": "danube", "app.kubernetes.io/component": component };
}

function namespaceOf(name: string): KubernetesObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}
