// The cluster of the tests: its API, its images, its faults, and what really runs on its only node, which is this machine.
// DANUBE_TEST_CLUSTER names the command that controls it (image, stop, start), KUBECONFIG its credentials.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";
import { statusOf } from "../api-errors.ts";

const run = promisify(execFile);

/** Where Pods reach this machine, which is the cluster's node. */
export const nodeAddress = process.env["DANUBE_TEST_NODE_ADDRESS"] ?? "";

export interface TestImage {
  readonly name: string;
  readonly dockerfile: string;
  /** Files of the build context: where from, by the name they have in it. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface TestCluster {
  readonly config: KubeConfig;
  readonly core: CoreV1Api;
  /** Builds the image and loads it into the node, unless that was done; resolves to its reference, which has a digest of its content. */
  image(image: TestImage): Promise<string>;
  ensureNamespace(name: string): Promise<void>;
  /** Stops or starts a component: apiserver, kubelet, scheduler, … */
  stop(component: string): Promise<void>;
  start(component: string): Promise<void>;
}

export function openTestCluster(): TestCluster {
  const command = process.env["DANUBE_TEST_CLUSTER"];
  if (command === undefined) throw new Error("DANUBE_TEST_CLUSTER is not set.");
  const config = new KubeConfig();
  config.loadFromDefault();
  const core = config.makeApiClient(CoreV1Api);
  const control = async (...words: string[]) => void (await run(command, words));

  return {
    config,
    core,
    async image({ name, dockerfile, files = {} }) {
      const hash = createHash("sha256").update(dockerfile);
      for (const [path, source] of Object.entries(files)) hash.update(`\0${path}\0`).update(readFileSync(source));
      const tag = `danube.test/${name}:${hash.digest("hex").slice(0, 16)}`;
      // A node forgets its images with its cluster, whose first namespace names it.
      const uid = (await core.readNamespace({ name: "kube-system" })).metadata?.uid ?? "";
      const mark = join(tmpdir(), "danube-test-images", uid, tag.replace(/\W/g, "-"));
      if (existsSync(mark)) return tag;
      const context = mkdtempSync(join(tmpdir(), "danube-image-"));
      for (const [path, source] of Object.entries(files)) {
        mkdirSync(dirname(join(context, path)), { recursive: true });
        copyFileSync(source, join(context, path));
      }
      writeFileSync(join(context, "Dockerfile"), dockerfile);
      await control("image", tag, context, "-f", join(context, "Dockerfile"));
      rmSync(context, { recursive: true });
      mkdirSync(dirname(mark), { recursive: true });
      writeFileSync(mark, "");
      return tag;
    },
    async ensureNamespace(name) {
      try {
        await core.createNamespace({ body: { metadata: { name } } });
      } catch (error) {
        if (statusOf(error) !== 409) throw error;
      }
    },
    stop: (component) => control("stop", component),
    start: (component) => control("start", component),
  };
}
