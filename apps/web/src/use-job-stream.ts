import { type Job, LogStreamEvent, type Step } from "@danube/protocol";
import { useEffect, useMemo, useState } from "preact/hooks";
import { openEventStream, type StreamState } from "./event-stream.ts";
import { LogDocument } from "./log-document.ts";

export interface JobStream {
  readonly job: Job | undefined;
  readonly steps: readonly Step[];
  readonly log: LogDocument;
  /** Grows with the log. */
  readonly logVersion: number;
  readonly state: StreamState;
}

/** Follows a job: what it and its steps are, and its log. Drawn at most once a frame, however fast it comes. */
export function useJobStream(jobId: string): JobStream {
  const log = useMemo(() => new LogDocument(), [jobId]);
  const [view, setView] = useState<Omit<JobStream, "log">>({
    job: undefined,
    steps: [],
    logVersion: 0,
    state: "connecting",
  });

  useEffect(() => {
    let job: Job | undefined;
    let state: StreamState = "connecting";
    const steps = new Map<string, Step>();
    let planned = false;
    const draw = (): void => {
      if (planned) return;
      planned = true;
      requestAnimationFrame(() => {
        planned = false;
        const inOrder = [...steps.values()].sort(
          (one, other) => one.sequence - other.sequence || (one.id < other.id ? -1 : 1),
        );
        setView({ job, steps: inOrder, logVersion: log.endOffset, state });
      });
    };
    return openEventStream({
      url: (lastId) =>
        `/api/v1/jobs/${encodeURIComponent(jobId)}/logs/stream${lastId === undefined ? "" : `?from=${lastId}`}`,
      events: ["job", "step", "log", "end"],
      lastEvent: "end",
      onState(next) {
        state = next;
        draw();
      },
      onEvent(event, data, id) {
        const parsed = LogStreamEvent.safeParse({ event, data, id: Number(id) });
        if (!parsed.success) return;
        if (parsed.data.event === "step") steps.set(parsed.data.data.id, parsed.data.data);
        else if (parsed.data.event === "log") log.append(parsed.data.data.text, parsed.data.id);
        else job = parsed.data.data;
        draw();
      },
    });
  }, [jobId, log]);

  return { ...view, log };
}
