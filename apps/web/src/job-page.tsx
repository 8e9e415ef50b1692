import { isFinal, type Job, type Step } from "@danube/protocol";
import { useEffect, useState } from "preact/hooks";
import { cancelJob, getJob, rerunJob } from "./api-client.ts";
import { Failure } from "./failure.tsx";
import { durationOf, refOf, statusSigns } from "./format.ts";
import { LogView } from "./log-view.tsx";
import { Status } from "./status.tsx";
import { StepTree } from "./step-tree.tsx";
import { useJobStream } from "./use-job-stream.ts";
import { useNow } from "./use-now.ts";

/** One job: what became of it, its steps and its log, live. */
export function JobPage({ jobId }: { jobId: string }) {
  const { job, steps, log, logVersion, state } = useJobStream(jobId);
  const [error, setError] = useState<unknown>();
  const [target, setTarget] = useState<{ line: number }>();
  const nowMs = useNow(job !== undefined && !isFinal(job.status));

  // A stream that can't be opened does not say why to a page; the same job, asked for plainly, does.
  useEffect(() => {
    getJob(jobId).catch(setError);
  }, [jobId]);
  useEffect(() => {
    if (job !== undefined) document.title = `${statusSigns[job.status].sign} ${job.pipelineName} #${job.number}`;
  }, [job]);

  const act = (action: () => Promise<unknown>): void => {
    setError(undefined);
    action().catch(setError);
  };
  const rerun = async (): Promise<void> => {
    const { jobs } = await rerunJob(jobId);
    location.assign(jobs[0] === undefined ? "/" : `/jobs/${jobs[0].id}`);
  };
  const openStep = (step: Step): void => {
    if (step.logOffsetStart !== undefined) setTarget({ line: log.lineAt(step.logOffsetStart) });
  };

  if (job === undefined) return error === undefined ? <p class="quiet">Loading…</p> : <Failure error={error} />;
  return (
    <>
      <div class="title">
        <h1>
          <a href={`/pipelines/${encodeURIComponent(job.pipelineName)}`}>
            <bdi>{job.pipelineName}</bdi>
          </a>{" "}
          #{job.number}
        </h1>
        <Status status={job.status} />
        <span class="number">{durationOf(job, nowMs)}</span>
        <span class="actions">
          {isFinal(job.status) ? (
            <button type="button" onClick={() => act(rerun)}>
              Run again
            </button>
          ) : (
            <button type="button" onClick={() => act(() => cancelJob(jobId))}>
              Cancel
            </button>
          )}
        </span>
      </div>
      <Facts job={job} />
      {job.message !== undefined && <p class="message">{job.message}</p>}
      {error !== undefined && <Failure error={error} />}
      <div class="job">
        <nav aria-label="Steps">
          <StepTree steps={steps} nowMs={nowMs} onOpen={openStep} />
        </nav>
        <LogView log={log} version={logVersion} target={target} />
      </div>
      <p class="quiet" role="status">
        {state === "ended" ? "The job is over." : state === "live" ? "Live." : "Connecting…"}
      </p>
    </>
  );
}

function Facts({ job }: { job: Job }) {
  const { trigger } = job;
  return (
    <p class="facts">
      <bdi>{refOf(job)}</bdi> <code>{trigger.commitSha?.slice(0, 8)}</code>{" "}
      <bdi>{trigger.pullRequest?.title ?? trigger.commitMessage?.split("\n")[0]}</bdi>
      {trigger.actor !== undefined && (
        <>
          {" "}
          by <bdi>{trigger.actor}</bdi>
        </>
      )}
    </p>
  );
}
