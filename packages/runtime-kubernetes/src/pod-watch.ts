// Knows every Pod of ours, from one list and then a watch: with bookmarks, from the last seen version after a break, and
// from a new list after 410 Gone. Nothing is polled.
import { type CoreV1Api, type KubeConfig, ListWatch, type V1Pod, type V1PodList, Watch } from "@kubernetes/client-node";
import { type Clock, type Logger } from "@danube/kit";
import type { ApiCalls } from "./api-calls.ts";
import { messageOf } from "./api-errors.ts";

export interface PodWatch {
  /** Resolves when the first list is there. */
  start(): Promise<void>;
  stop(): Promise<void>;
  get(name: string): V1Pod | undefined;
  list(): readonly V1Pod[];
}

export interface PodWatchOptions {
  readonly config: KubeConfig;
  readonly core: CoreV1Api;
  readonly calls: ApiCalls;
  readonly namespace: string;
  readonly labelSelector: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onChange: (pod: V1Pod) => void;
  readonly onGone: (pod: V1Pod) => void;
}

export function createPodWatch(options: PodWatchOptions): PodWatch {
  const { config, core, calls, namespace, labelSelector, clock, logger, onChange, onGone } = options;
  const list = (): Promise<V1PodList> =>
    calls.once("list_pods", () => core.listNamespacedPod({ namespace, labelSelector }));
  const watch = new ListWatch<V1Pod>(
    `/api/v1/namespaces/${namespace}/pods`,
    new BookmarkedWatch(config, () => {
      pauseMs = 0;
    }),
    list,
    false,
    labelSelector,
  );
  let stopped = false;
  let listed: () => void = () => undefined;
  let pauseMs = 0;

  watch.on("add", onChange);
  watch.on("update", onChange);
  watch.on("delete", onGone);
  watch.on("error", (error?: unknown) => {
    if (stopped) return;
    pauseMs = Math.min(Math.max(200, pauseMs * 2), 5_000);
    logger.warn("the watch of Pods broke; it begins again", { pauseMs, cause: messageOf(error) });
    clock.setTimeout(() => void begin(), pauseMs * (0.5 + Math.random()));
  });

  async function begin(): Promise<void> {
    if (stopped) return;
    await watch.start();
    if (watch.latestResourceVersion() !== "") listed();
  }

  return {
    start: () =>
      new Promise((resolve) => {
        listed = resolve;
        void begin();
      }),
    async stop() {
      stopped = true;
      await watch.stop();
    },
    get: (name) => watch.get(name, namespace),
    list: () => watch.list(namespace),
  };
}

class BookmarkedWatch extends Watch {
  readonly #onEvent: () => void;

  constructor(config: KubeConfig, onEvent: () => void) {
    super(config);
    this.#onEvent = onEvent;
  }

  override watch(...[path, query, callback, done]: Parameters<Watch["watch"]>): Promise<AbortController> {
    const onEvent: typeof callback = (phase, object, event) => {
      this.#onEvent();
      callback(phase, object, event);
    };
    return super.watch(path, { ...query, allowWatchBookmarks: true }, onEvent, done);
  }
}
