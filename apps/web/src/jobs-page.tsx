import { isFinal, type Job, StatusStreamEvent } from "@danube/protocol";
import { useEffect, useRef, useState } from "preact/hooks";
import { listJobs } from "./api-client.ts";
import { openEventStream, type StreamState } from "./event-stream.ts";
import { Failure } from "./failure.tsx";
import { durationOf, refOf } from "./format.ts";
import { withJob, withPage } from "./job-list.ts";
import { Status } from "./status.tsx";
import { useNow } from "./use-now.ts";

/** All jobs, or one pipeline's, newest first and as they are now. */
export function JobsPage({ pipeline }: { pipeline?: string }) {
  const [jobs, setJobs] = useState<Job[]>();
  const [cursor, setCursor] = useState<string>();
  const [error, setError] = useState<unknown>();
  const [stream, setStream] = useState<StreamState>("connecting");
  const nowMs = useNow(jobs?.some((job) => !isFinal(job.status)) ?? false);
  const loaded = useRef(false);

  useEffect(() => {
    const load = async (): Promise<void> => {
      try {
        const page = await listJobs({ pipeline });
        setJobs((known) => withPage(known ?? [], page.items));
        if (!loaded.current) setCursor(page.nextCursor);
        loaded.current = true;
        setError(undefined);
      } catch (failure) {
        setError(failure);
      }
    };
    // The stream's first event is a reset too, but it does not come to who is not logged in.
    void load();
    return openEventStream({
      url: () => "/api/v1/events/stream",
      events: ["reset", "job"],
      onState: setStream,
      onEvent(event, data) {
        const parsed = StatusStreamEvent.safeParse({ event, data });
        if (!parsed.success) return;
        if (parsed.data.event === "reset") void load();
        if (parsed.data.event !== "job") return;
        const job = parsed.data.data;
        if (pipeline === undefined || job.pipelineName === pipeline) setJobs((known) => withJob(known ?? [], job));
      },
    });
  }, [pipeline]);

  const loadMore = async (): Promise<void> => {
    try {
      const page = await listJobs({ pipeline, cursor });
      setJobs((known) => withPage(known ?? [], page.items));
      setCursor(page.nextCursor);
    } catch (failure) {
      setError(failure);
    }
  };

  return (
    <>
      <h1>{pipeline === undefined ? "Jobs" : <bdi>{pipeline}</bdi>}</h1>
      {error !== undefined && <Failure error={error} />}
      {stream === "connecting" && jobs !== undefined && <p class="quiet">Connecting…</p>}
      {jobs?.length === 0 && <p class="quiet">No job has run yet.</p>}
      {jobs !== undefined && jobs.length > 0 && (
        <table class="jobs">
          <thead>
            <tr>
              <th>Status</th>
              <th>Job</th>
              <th>On</th>
              <th>Change</th>
              <th>Took</th>
            </tr>
          </thead>
          <tbody>
            {jobs.map((job) => (
              <JobRow key={job.id} job={job} nowMs={nowMs} />
            ))}
          </tbody>
        </table>
      )}
      {cursor !== undefined && (
        <button type="button" onClick={() => void loadMore()}>
          Show older jobs
        </button>
      )}
    </>
  );
}

function JobRow({ job, nowMs }: { job: Job; nowMs: number }) {
  const { trigger } = job;
  return (
    <tr>
      <td>
        <Status status={job.status} />
      </td>
      <td>
        <a href={`/jobs/${job.id}`}>
          <bdi>{job.pipelineName}</bdi> #{job.number}
        </a>
      </td>
      <td>
        <bdi>{refOf(job)}</bdi>
      </td>
      <td class="change">
        <code>{trigger.commitSha?.slice(0, 8)}</code> <bdi>{trigger.commitMessage?.split("\n")[0]}</bdi>
        {job.message !== undefined && <bdi class="why"> {job.message}</bdi>}
      </td>
      <td class="number">{durationOf(job, nowMs)}</td>
    </tr>
  );
}
