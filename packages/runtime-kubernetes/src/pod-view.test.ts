import type { V1ContainerStatus, V1PodStatus } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { viewPod } from "./pod-view.ts";

const view = (status: V1PodStatus, deletionTimestamp?: Date) =>
  viewPod({ metadata: { deletionTimestamp }, spec: { containers: [], nodeName: "node1" }, status });
const container = (name: string, state: V1ContainerStatus["state"], ready = true): V1ContainerStatus => ({
  name,
  image: "busybox:1",
  imageID: "",
  ready,
  restartCount: 0,
  state,
});
const running = { running: {} };
const all = [container("coordinator", running), container("worker", running)];

describe("viewPod", () => {
  it("is ready once every worker runs and every service is ready", () => {
    expect(view({ phase: "Running", containerStatuses: all })).toEqual({ state: "ready" });
    const service = container("service-db", running, false);
    expect(view({ phase: "Running", containerStatuses: [...all, service] })).toEqual({
      state: "waiting",
      message: "Waiting for service db to be ready.",
    });
  });

  it.each([
    [
      {
        conditions: [
          {
            type: "PodScheduled",
            status: "False",
            reason: "Unschedulable",
            message: "0/1 nodes are available: 1 Insufficient cpu.",
          },
        ],
      },
      "unschedulable",
      "No node can take it: 0/1 nodes are available: 1 Insufficient cpu.",
    ],
    [
      { containerStatuses: [container("worker", { waiting: { reason: "ImagePullBackOff", message: "not found" } })] },
      "image_pull",
      'Image "busybox:1" cannot be pulled: not found',
    ],
  ])("waits with the words of the cluster: %j", (status, problem, message) => {
    expect(view({ phase: "Pending", ...status })).toMatchObject({ state: "waiting", problem, message });
  });

  it("has no hope for an image name that can never be pulled", () => {
    expect(
      view({ phase: "Pending", containerStatuses: [container("worker", { waiting: { reason: "InvalidImageName" } })] }),
    ).toMatchObject({ hopeless: true });
  });

  it.each<[string, V1PodStatus, string | undefined]>([
    [
      "a Coordinator that ended well says nothing about the job",
      { phase: "Running", containerStatuses: [container("coordinator", { terminated: { exitCode: 0 } })] },
      undefined,
    ],
    [
      "a Coordinator that crashed",
      { phase: "Running", containerStatuses: [container("coordinator", { terminated: { exitCode: 137 } })] },
      "infra_lost",
    ],
    [
      "a worker that ended, even with 0",
      {
        phase: "Running",
        containerStatuses: [container("coordinator", running), container("worker", { terminated: { exitCode: 0 } })],
      },
      "infra_lost",
    ],
    [
      "memory",
      {
        phase: "Running",
        containerStatuses: [container("worker", { terminated: { exitCode: 137, reason: "OOMKilled" } })],
      },
      "oom_killed",
    ],
    ["eviction", { phase: "Failed", reason: "Evicted", message: "low on disk" }, "evicted"],
    ["its own deadline", { phase: "Failed", reason: "DeadlineExceeded" }, "timeout"],
    [
      "a failed launcher",
      { phase: "Pending", initContainerStatuses: [container("launcher", { terminated: { exitCode: 1 } })] },
      "infra_lost",
    ],
  ])("ends by %s", (_what, status, reason) => {
    expect(view(status)).toMatchObject({ state: "ended" });
    expect((view(status) as { reason?: string }).reason).toBe(reason);
  });

  it("takes a Pod that somebody else deletes for lost, before it is gone", () => {
    expect(view({ phase: "Running", containerStatuses: all }, new Date())).toMatchObject({
      state: "ended",
      reason: "infra_lost",
    });
  });

  it("knows a sentence that does not say why an image is not pulled", () => {
    const waiting = (reason: string, message: string) =>
      view({ phase: "Pending", containerStatuses: [container("worker", { waiting: { reason, message } })] });
    expect(waiting("ErrImagePull", "manifest unknown")).toMatchObject({ problem: "image_pull", isVague: false });
    expect(waiting("ImagePullBackOff", 'Back-off pulling image "a:1"')).toMatchObject({ isVague: true });
    expect(waiting("ImagePullBackOff", 'Back-off pulling image "a:1": manifest unknown')).toMatchObject({
      isVague: false,
    });
  });
});
