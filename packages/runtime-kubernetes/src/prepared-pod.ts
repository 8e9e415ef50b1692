// A Pod that is started before there is a job for it: pure data. It is the Pod of a job in everything but what only a job has:
// its id, its deadline, and its Secret, in whose place there is an empty directory in memory.
import { createHash } from "node:crypto";
import type { V1Pod } from "@kubernetes/client-node";
import { sandboxFileName } from "@danube/protocol";
import { buildExports, type LauncherCommand, type SandboxSpec } from "@danube/runtime";
import { buildPod, buildSecret, labels, type PodSettings, podPaths } from "./pod-spec.ts";

export const preparedLabels = {
  /** For which kind of job: `preparedKey`. */
  key: "danube.dev/prepared",
  /** By which process: one that came later does not know whether it has been given away. */
  by: "danube.dev/prepared-by",
} as const;

/** What a Pod depends on, of what a pipeline says. */
export type PreparedShape = Pick<SandboxSpec, "worker" | "workers" | "services" | "workspaceSizeGb">;

/** Two jobs with the same key can use the same prepared Pods. */
export function preparedKey({ worker, workers, services, workspaceSizeGb }: PreparedShape): string {
  const text = JSON.stringify([worker, sorted(workers), sorted(services), workspaceSizeGb]);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

export function buildPreparedPod(options: {
  readonly shape: PreparedShape;
  readonly settings: PodSettings;
  readonly name: string;
  /** The process. */
  readonly by: string;
}): V1Pod {
  const { shape, settings, name, by } = options;
  const unknown = { jobId: name, pipelineName: "", maxDurationSeconds: 0, token: "", rpcUrl: "" };
  const pod = buildPod({ ...shape, ...unknown }, settings);
  const { metadata, spec } = pod;
  if (!metadata?.labels || !metadata.annotations || !spec) throw new TypeError("A Pod without metadata.");
  metadata.name = name;
  delete metadata.labels[labels.jobId];
  delete metadata.annotations["danube.dev/pipeline"];
  metadata.labels[preparedLabels.key] = preparedKey(shape);
  metadata.labels[preparedLabels.by] = by;
  // It counts from the Pod's start, and is set when there is a job.
  delete spec.activeDeadlineSeconds;
  for (const volume of spec.volumes ?? []) {
    if (volume.secret === undefined) continue;
    delete volume.secret;
    volume.emptyDir = { medium: "Memory", sizeLimit: "1Mi" };
  }
  for (const container of spec.containers) {
    if (container.env) container.env = container.env.filter(({ name: variable }) => variable !== "DANUBE_JOB_ID");
    for (const mount of container.volumeMounts ?? []) if (mount.mountPath === podPaths.sandbox) delete mount.readOnly;
  }
  return pod;
}

/** The command with the one variable that a prepared Pod's containers cannot have from the start. */
export function withJobId(command: LauncherCommand, jobId: string): LauncherCommand {
  if (command.verb !== "launch") return command;
  const script = Buffer.concat([Buffer.from(buildExports({ DANUBE_JOB_ID: jobId })), command.script]);
  return { ...command, script };
}

/** What the Coordinator of a prepared Pod waits for: the file that the Secret of another job holds. */
export function sandboxFileOf(spec: SandboxSpec, settings: PodSettings): Uint8Array {
  return Buffer.from(buildSecret(spec, settings).stringData?.[sandboxFileName] ?? "");
}

/** The command that takes the file from standard input: whole, or not at all. Nothing secret is in it. */
export function takeFileCommand(sizeBytes: number): string[] {
  const busybox = "/danube/busybox";
  const script = [
    "umask 077",
    `${busybox} head -c "$1" >"$0.new"`,
    `[ "$(${busybox} wc -c <"$0.new")" -eq "$1" ]`,
    `${busybox} mv "$0.new" "$0"`,
    "echo taken",
  ].join(" && ");
  return [busybox, "sh", "-c", script, `${podPaths.sandbox}/${sandboxFileName}`, String(sizeBytes)];
}

function sorted<T>(record: Readonly<Record<string, T>>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
}
