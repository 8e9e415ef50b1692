// The cluster of the tests as an operator sees it: through kubectl, and the command that loads images into its node.
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Where Pods reach this machine, which is the cluster's node. */
export const nodeAddress = process.env["DANUBE_TEST_NODE_ADDRESS"] ?? "";

export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly [key: string]: unknown;
}

/** Runs kubectl and resolves to what it prints. Rejects with its own words. */
export async function kubectl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run("kubectl", [...args], { maxBuffer: 64 * 1_048_576 });
  return stdout;
}

export async function apply(objects: readonly KubernetesObject[]): Promise<void> {
  const child = spawn("kubectl", ["apply", "-f", "-"], { stdio: ["pipe", "ignore", "pipe"] });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (words += chunk));
  child.stdin.end(JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`kubectl apply: ${words}`);
}

/**
 * Builds the image of an app, as its Dockerfile says, and loads it into the node, unless this content is there. Resolves to its
 * reference. The app must have been built.
 */
export async function buildImage(app: "api" | "controlplane" | "scheduler" | "coordinator"): Promise<string> {
  const command = process.env["DANUBE_TEST_CLUSTER"];
  if (command === undefined) throw new Error("DANUBE_TEST_CLUSTER is not set.");
  const dockerfile = join(repository, "apps", app, "Dockerfile");
  const tag = `danube.test/${app}:dev-${digestOf([dockerfile, ...sources(app)])}`;
  // A node forgets its images with its cluster, whose first namespace names it.
  const cluster = await kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}");
  const mark = join(tmpdir(), "danube-test-images", cluster, tag.replace(/\W/g, "-"));
  if (existsSync(mark)) return tag;
  await run(command, ["image", tag, repository, "-f", dockerfile], { maxBuffer: 64 * 1_048_576 });
  mkdirSync(dirname(mark), { recursive: true });
  writeFileSync(mark, "");
  return tag;
}

/** What goes into the image. */
function sources(app: string): string[] {
  const folders = [`apps/${app}/dist`, ...(app === "api" ? ["apps/web/dist"] : [])].map((path) =>
    join(repository, path),
  );
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  return [...files.sort(), join(repository, "packages/runtime/src/launcher/launcher.sh")];
}

function digestOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}
