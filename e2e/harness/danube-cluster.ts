// Danube's services as processes of this machine, with jobs as Pods of the test cluster: so that each service can be killed, and
// what the control plane may do there is what its ServiceAccount may.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { accessRules } from "@danube/runtime-kubernetes";
import { openTestCluster } from "@danube/runtime-kubernetes/testing";
import { type DanubeServices, startDanubeServices } from "./danube-services.ts";
import { createBlueprint } from "./blueprint.ts";
import { webhookSecret } from "./danube-up.ts";
import { createGitRepository, type GitRepository } from "./git-repository.ts";
import { startGitServer } from "./git-server.ts";
import { type KubernetesProxy, startKubernetesProxy } from "./kubernetes-proxy.ts";
import { apply, buildImage, kubectl, nodeAddress } from "./kubectl.ts";
import { deliver, githubPush } from "./webhook.ts";

export interface ClusterPipeline {
  /** The files of its repository. */
  readonly files: Readonly<Record<string, string>>;
  /** What its Blueprint spec needs beside the repository. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface DanubeCluster extends DanubeServices {
  /** What stands between the control plane and the API server. */
  readonly kubernetes: KubernetesProxy;
  readonly namespaceJobs: string;
  /** Pushes a commit to the pipeline's repository, delivers the webhook and resolves to the job's id. */
  push(pipeline: string): Promise<string>;
  repository(pipeline: string): GitRepository;
  /** The Pod and the Secret of a job, by kind and name. */
  objectsOf(jobId: string): Promise<string[]>;
  /** Resolves when nothing of the job is left in the cluster; rejects 30 s later. */
  nothingLeft(jobId: string): Promise<void>;
  /** Waits until the job's log has `text`. */
  logHas(jobId: string, text: string): Promise<void>;
}

export interface DanubeClusterOptions {
  readonly pipelines: Readonly<Record<string, ClusterPipeline>>;
  /** Of its own for tests that limit it; `danube-jobs` by default. */
  readonly namespaceJobs?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly config?: object;
}

export async function startDanubeCluster(options: DanubeClusterOptions): Promise<DanubeCluster> {
  const { pipelines, namespaceJobs = "danube-jobs" } = options;
  const root = mkdtempSync(join(tmpdir(), "danube-git-"));
  const git = await startGitServer(root, nodeAddress);
  const repositories = new Map<string, GitRepository>();
  for (const [name, { files }] of Object.entries(pipelines)) {
    const repository = { ...createGitRepository(name, root), url: `${git.url}/${name}.git` };
    repository.push(files);
    repositories.set(name, repository);
  }
  const specs = Object.entries(pipelines).map(
    ([name, { spec }]) => [name, { repository: `${git.url}/${name}.git`, ...spec }] as const,
  );
  createBlueprint(Object.fromEntries(specs), options.config, root);
  // Tells the Pods of this run from those of others.
  const instance = `danube-${Date.now().toString(36)}`;
  const { kubeconfig, proxy } = await makeAccount(namespaceJobs);
  const services = await startDanubeServices({
    blueprintUrl: `${git.url}/blueprint.git`,
    rpcHost: nodeAddress,
    env: {
      KUBECONFIG: kubeconfig,
      DANUBE_RUNTIME_TYPE: "kubernetes",
      DANUBE_KUBERNETES_NAMESPACE_SYSTEM: instance,
      DANUBE_KUBERNETES_NAMESPACE_JOBS: namespaceJobs,
      DANUBE_KUBERNETES_COORDINATOR_IMAGE: await buildImage("coordinator"),
      ...options.env,
    },
  });

  const repository = (name: string): GitRepository => {
    const found = repositories.get(name);
    if (found === undefined) throw new Error(`There is no pipeline ${name}.`);
    return found;
  };
  const { core } = openTestCluster();
  const objectsOf = async (jobId: string): Promise<string[]> => {
    const query = { namespace: namespaceJobs, labelSelector: `danube.dev/job-id=${jobId}` };
    const [pods, secrets] = await Promise.all([core.listNamespacedPod(query), core.listNamespacedSecret(query)]);
    return [
      ...pods.items.map((it) => `Pod ${it.metadata?.name}`),
      ...secrets.items.map((it) => `Secret ${it.metadata?.name}`),
    ];
  };

  return {
    ...services,
    kubernetes: proxy,
    namespaceJobs,
    repository,
    objectsOf,
    async push(name) {
      const sha = repository(name).push({ "count.txt": `${Date.now()} ${Math.random()}` });
      const answer = await deliver(services.url, githubPush(repository(name), webhookSecret, { sha }));
      if (answer.status !== 202) throw new Error(`The webhook was answered with ${answer.status}.`);
      return (await services.api.jobWhere((job) => job.trigger.commitSha === sha)).id;
    },
    async nothingLeft(jobId) {
      for (const end = Date.now() + 30_000; ; await delay(250)) {
        const left = await objectsOf(jobId);
        if (left.length === 0) return;
        if (Date.now() > end) throw new Error(`30 s after the job's end there is still ${left.join(", ")}.`);
      }
    },
    async logHas(jobId, text) {
      let seen = "";
      for await (const event of services.api.logEvents(jobId)) {
        if (event.event === "log") seen += event.data.text;
        if (seen.includes(text)) return;
      }
      const job = await services.api.job(jobId);
      throw new Error(`The log ended without "${text}": ${job.status}, ${job.message}\n${seen}`);
    },
    async stop() {
      await services.stop();
      await kubectl(
        "delete",
        "pods,secrets",
        "-n",
        namespaceJobs,
        "-l",
        `danube.dev/instance=${instance}`,
        "--wait=false",
      );
      await proxy.close();
      await git.stop();
    },
  };
}

/** The ServiceAccount, and a kubeconfig that is it and nobody else, by way of a proxy. */
async function makeAccount(namespaceJobs: string): Promise<{ kubeconfig: string; proxy: KubernetesProxy }> {
  const namespace = "danube-system";
  const name = "danube-controlplane";
  const rbac = "rbac.authorization.k8s.io";
  const namespaceOf = (it: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: it } });
  await apply([namespaceOf(namespace), namespaceOf(namespaceJobs)]);
  await apply([
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace } },
    {
      apiVersion: `${rbac}/v1`,
      kind: "Role",
      metadata: { name: "danube", namespace: namespaceJobs },
      rules: accessRules({ cilium: false }),
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: "RoleBinding",
      metadata: { name: "danube", namespace: namespaceJobs },
      roleRef: { apiGroup: rbac, kind: "Role", name: "danube" },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    },
  ]);
  const request = JSON.stringify({
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 86_400 },
  });
  const directory = mkdtempSync(join(tmpdir(), "danube-kubeconfig-"));
  const body = join(directory, "request.json");
  writeFileSync(body, request);
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const answer = JSON.parse(await kubectl("create", "--raw", path, "-f", body)) as { status: { token: string } };
  const admin = JSON.parse(await kubectl("config", "view", "--raw", "--minify", "-o", "json")) as {
    clusters: { cluster: { server: string; "certificate-authority-data": string } }[];
  };
  const cluster = admin.clusters[0]?.cluster;
  if (cluster === undefined) throw new Error("The kubeconfig names no cluster.");
  const proxy = await startKubernetesProxy({
    server: cluster.server,
    authority: cluster["certificate-authority-data"],
    token: answer.status.token,
  });
  const kubeconfig = join(directory, "kubeconfig");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: proxy.url, "insecure-skip-tls-verify": true } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  return { kubeconfig, proxy };
}
