// Danube's services as processes of this machine, with jobs as Pods of the test cluster: so that each service can be killed, and
// what the control plane may do there is what its ServiceAccount may.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessRules } from "@danube/runtime-kubernetes";
import { type DanubeServices, startDanubeServices } from "./danube-services.ts";
import { createBlueprint } from "./blueprint.ts";
import { webhookSecret } from "./danube-up.ts";
import { createGitRepository, type GitRepository } from "./git-repository.ts";
import { startGitServer } from "./git-server.ts";
import { apply, buildImage, kubectl, nodeAddress } from "./kubectl.ts";
import { deliver, githubPush } from "./webhook.ts";

export interface ClusterPipeline {
  /** The files of its repository. */
  readonly files: Readonly<Record<string, string>>;
  /** What its Blueprint spec needs beside the repository. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface DanubeCluster extends DanubeServices {
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
  const services = await startDanubeServices({
    blueprintUrl: `${git.url}/blueprint.git`,
    rpcHost: nodeAddress,
    env: {
      KUBECONFIG: await makeAccount(namespaceJobs),
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
  const objectsOf = async (jobId: string): Promise<string[]> =>
    (await kubectl("get", "pods,secrets", "-n", namespaceJobs, "-l", `danube.dev/job-id=${jobId}`, "-o", "name"))
      .split("\n")
      .filter((line) => line !== "");

  return {
    ...services,
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
      const labels = ["-n", namespaceJobs, "-l", `danube.dev/job-id=${jobId}`];
      await kubectl("wait", "--for=delete", "pod", ...labels, "--timeout=30s");
      for (const end = Date.now() + 5_000; ; ) {
        const left = await objectsOf(jobId); // the Secret goes right after the Pod
        if (left.length === 0) return;
        if (Date.now() > end) throw new Error(`There is still ${left.join(", ")}.`);
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
      await git.stop();
    },
  };
}

/** The ServiceAccount, and a kubeconfig that is it and nobody else. */
async function makeAccount(namespaceJobs: string): Promise<string> {
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
    clusters: { name: string }[];
  };
  const kubeconfig = join(directory, "kubeconfig");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: admin.clusters,
    users: [{ name, user: { token: answer.status.token } }],
    contexts: [{ name, context: { cluster: admin.clusters[0]?.name, user: name } }],
    "current-context": name,
  };
  writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  return kubeconfig;
}
