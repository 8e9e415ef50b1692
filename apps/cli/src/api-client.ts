// A client of the REST API, for the commands. Every answer is parsed with the schema that the server made it from.
import {
  ArtifactList,
  BlueprintStatus,
  DanubeError,
  fromProblem,
  HealthReport,
  type Job,
  Job as JobSchema,
  JobDetail,
  JobPage,
  LogStreamEvent,
  PipelineList,
  Problem,
  parseWith,
  SecretList,
  TriggerResponseBody,
} from "@danube/protocol";
import { createParser } from "eventsource-parser";
import type { z } from "zod";
import type { Connection } from "./connection.ts";

export interface ApiClient {
  listJobs(filter: {
    readonly pipeline?: string;
    readonly status?: string;
    readonly limit?: number;
  }): Promise<z.infer<typeof JobPage>>;
  getJob(jobId: string): Promise<JobDetail>;
  cancelJob(jobId: string): Promise<Job>;
  rerunJob(jobId: string): Promise<z.infer<typeof TriggerResponseBody>>;
  trigger(pipeline: string, body: object): Promise<z.infer<typeof TriggerResponseBody>>;
  listPipelines(): Promise<z.infer<typeof PipelineList>>;
  listArtifacts(jobId: string): Promise<z.infer<typeof ArtifactList>>;
  listSecrets(): Promise<z.infer<typeof SecretList>>;
  setSecret(secret: { readonly name: string; readonly pipelineName?: string; readonly value: string }): Promise<void>;
  deleteSecret(name: string, pipelineName: string | undefined): Promise<void>;
  blueprintStatus(): Promise<z.infer<typeof BlueprintStatus>>;
  /** Liveness and every check; a failing check is an answer, not an error. */
  health(): Promise<HealthReport>;
  /** The log as it is now. */
  readLog(jobId: string, step: string | undefined): AsyncIterable<Uint8Array>;
  /** The log's events from byte `from` on, over as many connections as it takes, until `end`. */
  followLog(jobId: string, from: number, signal: AbortSignal): AsyncIterable<LogStreamEvent>;
}

export function createApiClient(connection: Connection): ApiClient {
  const headers = connection.token === undefined ? {} : { authorization: `Bearer ${connection.token}` };

  async function request(
    method: string,
    path: string,
    options: { body?: unknown; accept?: string; headers?: Record<string, string>; signal?: AbortSignal } = {},
  ) {
    let response: Response;
    try {
      response = await fetch(`${connection.url}${path}`, {
        method,
        headers: {
          ...headers,
          accept: options.accept ?? "application/json",
          ...(options.body === undefined ? {} : { "content-type": "application/json" }),
          ...options.headers,
        },
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      throw new DanubeError("connection_lost", `No answer from ${connection.url}; is Danube running there?`, { cause });
    }
    if (!response.ok) throw await problemOf(response, connection.url);
    return response;
  }

  async function get<S extends z.ZodType>(schema: S, path: string): Promise<z.output<S>> {
    return parseWith(
      schema,
      await (await request("GET", path)).json(),
      `The answer to GET ${path}`,
      "protocol_violation",
    );
  }

  async function post<S extends z.ZodType>(schema: S, path: string, body: unknown): Promise<z.output<S>> {
    return parseWith(
      schema,
      await (await request("POST", path, { body })).json(),
      `The answer to POST ${path}`,
      "protocol_violation",
    );
  }

  return {
    listJobs: ({ pipeline, status, limit }) => get(JobPage, `/api/v1/jobs${queryString({ pipeline, status, limit })}`),
    getJob: (jobId) => get(JobDetail, `/api/v1/jobs/${encodeURIComponent(jobId)}`),
    cancelJob: (jobId) => post(JobSchema, `/api/v1/jobs/${encodeURIComponent(jobId)}/cancel`, {}),
    rerunJob: (jobId) => post(TriggerResponseBody, `/api/v1/jobs/${encodeURIComponent(jobId)}/rerun`, {}),
    trigger: (pipeline, body) =>
      post(TriggerResponseBody, `/api/v1/pipelines/${encodeURIComponent(pipeline)}/trigger`, body),
    listPipelines: () => get(PipelineList, "/api/v1/pipelines"),
    listArtifacts: (jobId) => get(ArtifactList, `/api/v1/jobs/${encodeURIComponent(jobId)}/artifacts`),
    listSecrets: () => get(SecretList, "/api/v1/secrets"),
    setSecret: async (secret) => void (await request("POST", "/api/v1/secrets", { body: secret })),
    deleteSecret: async (name, pipelineName) =>
      void (await request("DELETE", `/api/v1/secrets/${encodeURIComponent(name)}${queryString({ pipelineName })}`)),
    blueprintStatus: () => get(BlueprintStatus, "/api/v1/blueprint"),
    async health() {
      const response = await fetch(`${connection.url}/health/ready`).catch((cause: unknown) => {
        throw new DanubeError("connection_lost", `No answer from ${connection.url}; is Danube running there?`, {
          cause,
        });
      });
      return parseWith(HealthReport, await response.json(), "The answer to GET /health/ready", "protocol_violation");
    },
    async *readLog(jobId, step) {
      const response = await request("GET", `/api/v1/jobs/${encodeURIComponent(jobId)}/logs${queryString({ step })}`, {
        accept: "text/plain",
      });
      if (response.body) yield* response.body;
    },
    async *followLog(jobId, from, signal) {
      let offset = from;
      let failures = 0;
      while (!signal.aborted) {
        try {
          const response = await request("GET", `/api/v1/jobs/${encodeURIComponent(jobId)}/logs/stream`, {
            accept: "text/event-stream",
            headers: { "last-event-id": String(offset) },
            signal,
          });
          for await (const event of readEvents(response)) {
            failures = 0;
            if (event.event === "log") offset = event.id;
            yield event;
            if (event.event === "end") return;
          }
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof DanubeError && !error.retryable) throw error;
          if (++failures >= 20) throw error;
        }
        await pause(Math.min(5_000, 100 * 2 ** failures), signal);
      }
    },
  };
}

async function problemOf(response: Response, url: string): Promise<DanubeError> {
  const text = await response.text();
  const parsed = Problem.safeParse(tryJson(text));
  if (parsed.success) return fromProblem(parsed.data);
  const code = response.status >= 500 ? "unavailable" : "protocol_violation";
  return new DanubeError(code, `${url} answered ${response.status} without saying why; is it a Danube server?`);
}

async function* readEvents(response: Response): AsyncIterable<LogStreamEvent> {
  const ready: LogStreamEvent[] = [];
  const parser = createParser({
    onEvent: ({ event, id, data }) => {
      const value = { event, data: tryJson(data), ...(id === undefined || id === "" ? {} : { id: Number(id) }) };
      const parsed = LogStreamEvent.safeParse(value);
      if (parsed.success) ready.push(parsed.data); // an event of a newer server that we do not know is none of ours
    },
  });
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    yield* ready.splice(0);
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function queryString(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) if (value !== undefined) query.set(key, String(value));
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
