// The events of a job of this very process, as the API's stream would tell them.
import type { ControlPlane } from "@danube/controlplane";
import { openLogReader, takeWholeUtf8 } from "@danube/logs";
import { isFinal, type Job, type LogStreamEvent } from "@danube/protocol";

/** Everything from the job's beginning to `end`, which comes when nothing is left of it but its log. */
export async function* followLocalJob(
  controlPlane: ControlPlane,
  logsDirectory: string,
  created: Job,
): AsyncIterable<LogStreamEvent> {
  const jobId = created.id;
  const reader = openLogReader({ directory: logsDirectory, jobId });
  const done = new AbortController();
  let offset = 0;

  async function* readLog(final: boolean): AsyncIterable<LogStreamEvent> {
    for (let size = await reader.size(); offset < size; ) {
      const { text, bytesUsed } = takeWholeUtf8(await reader.readChunk(offset, Math.min(65_536, size - offset)), final);
      if (bytesUsed === 0) return; // the rest of a character is still to come
      offset += bytesUsed;
      yield { event: "log", id: offset, data: { text } };
    }
  }

  try {
    const changes = controlPlane.changes.watch(done.signal);
    let job: Job | undefined;
    for await (const change of changes) {
      if (change.type === "reset") {
        job = (await controlPlane.queries.getJob({ jobId })).job;
        for (const step of (await controlPlane.queries.listSteps({ jobId })).steps) yield { event: "step", data: step };
      } else if (change.type === "job" && change.job.id === jobId) job = change.job;
      else if (change.type === "step" && change.step.jobId === jobId) {
        if (change.step.status !== "running") yield* readLog(false);
        yield { event: "step", data: change.step };
      } else if (change.type === "log" && change.jobId === jobId) yield* readLog(false);
      if (job !== undefined && isFinal(job.status)) break;
    }
    await controlPlane.released(jobId);
    yield* readLog(true);
    yield { event: "end", data: job ?? created };
  } finally {
    done.abort();
    await reader.close();
  }
}
