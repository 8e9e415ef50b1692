// The REST API as the tests use it: plain HTTP, so that a test sees what a user would.
import { isFinal, type Job, type JobDetail, JobPage, LogStreamEvent } from "@danube/protocol";

export interface DanubeApi {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
  send(method: "POST" | "DELETE" | "PUT", path: string, body?: object): Promise<Response>;
  jobs(pipeline?: string): Promise<Job[]>;
  job(jobId: string): Promise<JobDetail>;
  /** The whole log, as bytes. */
  log(jobId: string): Promise<Buffer>;
  setSecret(name: string, value: string, pipelineName?: string): Promise<void>;
  /** The first job of the pipeline that `match` accepts, now or later; learnt from the status stream, not by polling. */
  jobWhere(match: (job: Job) => boolean, timeoutMs?: number): Promise<Job>;
  /** Resolves when the job is final. */
  jobEnd(jobId: string, timeoutMs?: number): Promise<Job>;
  /** The events of the log stream from byte `from`, one connection. */
  logEvents(jobId: string, from?: number, signal?: AbortSignal): AsyncIterable<LogStreamEvent>;
}

export function createDanubeApi(url: string, token: string): DanubeApi {
  const authorization = `Bearer ${token}`;
  const get = (path: string, headers = {}) => fetch(`${url}${path}`, { headers: { authorization, ...headers } });
  const json = async (path: string): Promise<unknown> => {
    const response = await get(path);
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };

  const api: DanubeApi = {
    get,
    send: (method, path, body) =>
      fetch(`${url}${path}`, {
        method,
        headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    jobs: async (pipeline) =>
      JobPage.parse(await json(`/api/v1/jobs?limit=500${pipeline === undefined ? "" : `&pipeline=${pipeline}`}`)).items,
    job: async (jobId) => (await json(`/api/v1/jobs/${jobId}`)) as JobDetail,
    async log(jobId) {
      const response = await get(`/api/v1/jobs/${jobId}/logs`);
      if (!response.ok) throw new Error(`log of ${jobId}: ${response.status} ${await response.text()}`);
      return Buffer.from(await response.arrayBuffer());
    },
    async setSecret(name, value, pipelineName) {
      const response = await api.send("POST", "/api/v1/secrets", { name, value, pipelineName });
      if (!response.ok) throw new Error(`secret ${name}: ${response.status} ${await response.text()}`);
    },
    async jobWhere(match, timeoutMs = 60_000) {
      const deadline = AbortSignal.timeout(timeoutMs);
      while (!deadline.aborted) {
        try {
          const response = await fetch(`${url}/api/v1/events/stream`, { headers: { authorization }, signal: deadline });
          for await (const { event, data } of serverSentEvents(response)) {
            // Comes first, and whenever events may have been missed: then what is stored counts.
            const jobs = event === "reset" ? await api.jobs() : event === "job" ? [JSON.parse(data) as Job] : [];
            const found = jobs.find(match);
            if (found) return found;
          }
        } catch (error) {
          if (deadline.aborted) break;
          if (!(error instanceof TypeError)) throw error; // the server is away: connect again
        }
      }
      const jobs = await api.jobs().catch(() => []);
      const known = jobs.map(({ id, pipelineName, status, message }) => ({ id, pipelineName, status, message }));
      throw new Error(`no such job within ${timeoutMs} ms; there are: ${JSON.stringify(known)}`);
    },
    jobEnd: (jobId, timeoutMs) => api.jobWhere((job) => job.id === jobId && isFinal(job.status), timeoutMs),
    async *logEvents(jobId, from, signal) {
      const headers = {
        authorization,
        accept: "text/event-stream",
        ...(from === undefined ? {} : { "last-event-id": String(from) }),
      };
      const response = await fetch(`${url}/api/v1/jobs/${jobId}/logs/stream`, {
        headers,
        ...(signal === undefined ? {} : { signal }),
      });
      if (!response.ok) throw new Error(`log stream of ${jobId}: ${response.status} ${await response.text()}`);
      for await (const { event, id, data } of serverSentEvents(response)) {
        yield LogStreamEvent.parse({ event, data: JSON.parse(data), ...(id === "" ? {} : { id: Number(id) }) });
      }
    },
  };
  return api;
}

/** The events of an answer of type text/event-stream. Source: HTML standard, "Server-sent events". */
async function* serverSentEvents(response: Response): AsyncIterable<{ event: string; id: string; data: string }> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    let end = text.indexOf("\n\n");
    while (end !== -1) {
      const fields = { event: "message", id: "", data: [] as string[] };
      for (const line of text.slice(0, end).split("\n")) {
        const [, name, value] = /^(event|id|data): ?(.*)$/.exec(line) ?? [];
        if (name === "data") fields.data.push(value ?? "");
        else if (name === "event" || name === "id") fields[name] = value ?? "";
      }
      text = text.slice(end + 2);
      if (fields.data.length > 0) yield { ...fields, data: fields.data.join("\n") };
      end = text.indexOf("\n\n");
    }
  }
}
