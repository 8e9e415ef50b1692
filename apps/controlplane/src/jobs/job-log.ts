// The log of an active job: opened when it is first needed, closed once, and watched while it grows.
import { createRedactor, type JobLogWriter, openLogReader, openLogWriter, type Redactor } from "@danube/logs";
import { DanubeError } from "@danube/protocol";
import type { JobEnvironment } from "./job-environment.ts";

export interface JobLog {
  readonly redactor: Redactor;
  /**
   * The log, open for writing. Rejects with `job_not_active` once it was closed, and with `corrupt` when it cannot be gone on
   * with.
   */
  open(): Promise<JobLogWriter>;
  /**
   * Ends every source: nothing may follow. Durable when it resolves. Nothing happens if there is no log. Rejects with `corrupt`
   * when less of it is left than was acknowledged.
   */
  complete(): Promise<void>;
  /** Writes what is pending and closes the files. `final` tells watchers that nothing follows. */
  close(options: { readonly final: boolean }): Promise<void>;
}

export function createJobLog(
  environment: Pick<JobEnvironment, "feed" | "logsDirectory" | "metrics" | "clock">,
  jobId: string,
  secrets: ReadonlyMap<string, string>,
  /** How many bytes of the log earlier processes have told to be safe. */
  acknowledgedBytes: number,
): JobLog {
  const { feed, logsDirectory, metrics, clock } = environment;
  const redactor = createRedactor([...secrets].map(([name, value]) => ({ name, value })));
  let opening: Promise<JobLogWriter> | undefined;
  let closed = false;
  let seenBytes: number | undefined;

  const onGrowth = (sizeBytes: number) => {
    if (seenBytes !== undefined && sizeBytes > seenBytes) metrics.logBytesWrittenTotal.add(sizeBytes - seenBytes);
    seenBytes = sizeBytes;
    feed.publish([{ type: "log", jobId, sizeBytes, closed: false }]);
  };
  /** Of a log that this process never had to open: an earlier one may have written it. */
  const storedSize = async () => {
    const reader = openLogReader({ directory: logsDirectory, jobId });
    try {
      return await reader.size();
    } finally {
      await reader.close();
    }
  };
  const checkWhole = (sizeBytes: number) => {
    if (sizeBytes >= acknowledgedBytes) return;
    const message = `The job's log has lost what was stored: ${sizeBytes} bytes are left of ${acknowledgedBytes}.`;
    throw new DanubeError("corrupt", message, { ids: { jobId } });
  };
  return {
    redactor,
    open() {
      if (closed)
        return Promise.reject(new DanubeError("job_not_active", "The job's log is closed.", { ids: { jobId } }));
      opening ??= openLogWriter({
        directory: logsDirectory,
        jobId,
        redactor,
        onGrowth,
        now: () => clock.now().getTime(),
      })
        .then(async (writer) => {
          seenBytes = writer.sizeBytes;
          if (seenBytes < acknowledgedBytes) await writer.close();
          checkWhole(seenBytes);
          return writer;
        })
        .catch((error: unknown) => {
          opening = undefined;
          throw error;
        });
      return opening;
    },
    async complete() {
      const writer = await opening;
      if (closed) return;
      if (!writer) return checkWhole(acknowledgedBytes === 0 ? 0 : await storedSize());
      await writer.endAll();
      await writer.sync();
    },
    async close({ final }) {
      if (closed) return;
      closed = true;
      const writer = await opening?.catch(() => undefined);
      try {
        if (final) await writer?.endAll();
      } finally {
        await writer?.close();
        const sizeBytes = writer?.sizeBytes ?? (await storedSize());
        if (final) feed.publish([{ type: "log", jobId, sizeBytes, closed: true }]);
      }
    },
  };
}
