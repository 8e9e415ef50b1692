// What a Pod's status means for a job: pure, from what Kubernetes reports and nothing else.
import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import type { Reason } from "@danube/protocol";

export type PodView =
  /** Not ready yet. A `problem` becomes the job's end when it lasts longer than its grace. */
  | {
      readonly state: "waiting";
      readonly message: string;
      readonly problem?: "image_pull" | "unschedulable";
      readonly hopeless?: boolean;
      /** The message has no cause, because Kubernetes tells it only at times: the one before it may have. */
      readonly isVague?: boolean;
    }
  | { readonly state: "ready" }
  | { readonly state: "ended"; readonly reason?: Reason; readonly message: string };

const imageErrors = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "ImageInspectError",
  "RegistryUnavailable",
]);
const hopelessImageErrors = new Set(["InvalidImageName", "ErrImageNeverPull"]);
const configurationErrors = new Set(["CreateContainerConfigError", "CreateContainerError", "RunContainerError"]);

export function viewPod(pod: V1Pod): PodView {
  return viewEnd(pod) ?? viewWaiting(pod) ?? { state: "ready" };
}

/** Whether commands can be sent to this container. */
export function isContainerRunning(pod: V1Pod, name: string): boolean {
  const status = pod.status?.containerStatuses?.find((container) => container.name === name);
  return status?.state?.running !== undefined;
}

/** Whether its node has told that every container has ended. */
export function areContainersOver(pod: V1Pod): boolean {
  const statuses = pod.status?.containerStatuses ?? [];
  return statuses.length > 0 && statuses.every(({ state }) => state?.terminated !== undefined);
}

function viewEnd(pod: V1Pod): PodView | undefined {
  const { status, metadata } = pod;
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const killed = containers.find((container) => container.state?.terminated?.reason === "OOMKilled");
  if (killed) return ended("oom_killed", `Container "${killed.name}" ran out of memory and was killed.`);
  const detail = status?.message === undefined || status.message === "" ? "" : `: ${status.message}`;
  if (status?.reason === "Evicted") return ended("evicted", `The Pod was evicted from node ${nodeOf(pod)}${detail}`);
  if (status?.reason === "DeadlineExceeded") return ended("timeout", "The Pod was ended by its own deadline.");
  if (status?.reason === "NodeLost") return ended("infra_lost", `Node ${nodeOf(pod)} was lost.`);
  if (status?.reason === "Preempting" || status?.reason === "Preempted")
    return ended("evicted", `The Pod had to make room for others${detail}`);
  const coordinator = containers.find((container) => container.name === "coordinator")?.state?.terminated;
  if (coordinator) {
    if (coordinator.exitCode === 0) return { state: "ended", message: "The Coordinator has ended." };
    const words = coordinator.message?.trim();
    return ended(
      "infra_lost",
      `The Coordinator ended with exit code ${coordinator.exitCode}${words ? `: ${words}` : "."}`,
    );
  }
  const failed = containers.find((container) => (container.state?.terminated?.exitCode ?? 0) !== 0);
  if (failed)
    return ended(
      "infra_lost",
      `Container "${failed.name}" ended with exit code ${failed.state?.terminated?.exitCode}.`,
    );
  const worker = containers.find((container) => container.name.startsWith("worker") && container.state?.terminated);
  if (worker) return ended("infra_lost", `Container "${worker.name}" ended.`);
  if (status?.phase === "Failed") return ended("infra_lost", `The Pod failed${detail || "."}`);
  if (metadata?.deletionTimestamp !== undefined) return ended("infra_lost", "The Pod was deleted by somebody else.");
  return undefined;
}

function viewWaiting(pod: V1Pod): PodView | undefined {
  const { status } = pod;
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  for (const container of containers) {
    const waiting = container.state?.waiting;
    if (waiting?.reason === undefined) continue;
    const words = waiting.message ?? waiting.reason;
    if (imageErrors.has(waiting.reason)) {
      const message = `Image "${container.image}" cannot be pulled: ${words}`;
      // Older nodes say why the pull failed at the moment it fails, and only that they wait until the next try.
      const isVague = waiting.reason === "ImagePullBackOff" && /^Back-off pulling image "[^"]*"$/.test(words);
      const hopeless = hopelessImageErrors.has(waiting.reason);
      return { state: "waiting", problem: "image_pull", message, hopeless, isVague };
    }
    if (configurationErrors.has(waiting.reason))
      return ended("infra_lost", `Container "${container.name}" cannot start: ${words}`);
  }
  const scheduled = status?.conditions?.find((condition) => condition.type === "PodScheduled");
  if (scheduled?.status === "False" && scheduled.reason === "Unschedulable") {
    return {
      state: "waiting",
      problem: "unschedulable",
      message: `No node can take it: ${scheduled.message ?? "no reason was given"}`,
    };
  }
  if (status?.phase !== "Running")
    return {
      state: "waiting",
      message: scheduled?.status === "True" ? `Starting on node ${nodeOf(pod)}.` : "Waiting for a node.",
    };
  const notReady = (status.containerStatuses ?? []).find((container) => !isReady(container));
  if (notReady)
    return {
      state: "waiting",
      message: notReady.name.startsWith("service-")
        ? `Waiting for ${notReady.name.replace("-", " ")} to be ready.`
        : `Starting container ${notReady.name}.`,
    };
  return undefined;
}

function isReady(container: V1ContainerStatus): boolean {
  return container.name.startsWith("service-") ? container.ready : container.state?.running !== undefined;
}

function ended(reason: Reason, message: string): PodView {
  return { state: "ended", reason, message };
}

function nodeOf(pod: V1Pod): string {
  return pod.spec?.nodeName ?? "(none)";
}
