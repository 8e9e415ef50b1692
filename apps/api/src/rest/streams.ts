import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { z } from "zod";
import type { ApiContext } from "../http/api-env.ts";
import { bytesAnswer, guarded } from "../http/router.ts";
import type { EventStream } from "../streams/event-stream.ts";
import type { JobStreams } from "../streams/job-streams.ts";
import { type SseClient, type SseClients, sseHeaders } from "../streams/sse-clients.ts";
import { IdParams, readId, type RouteContext } from "./route-context.ts";

export interface Streams {
  readonly clients: SseClients;
  readonly jobs: JobStreams;
  readonly events: EventStream;
}

const streamAnswer = bytesAnswer("Server-sent events", "text/event-stream");

export function addStreamRoutes({ router, guard }: RouteContext, { clients, jobs, events }: Streams): void {
  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/jobs/{id}/logs/stream",
      summary: "Follow a job's log and steps",
      description: "`id` is the log's byte offset after the event; `Last-Event-ID` or `from` goes on there.",
      request: {
        params: IdParams,
        query: z.object({ from: z.coerce.number().int().min(0).optional() }),
        headers: z.object({ "last-event-id": z.string().optional() }),
      },
      responses: { 200: streamAnswer },
    }),
    async (c) => {
      const jobId = readId(c.req.valid("param").id, "job");
      // The browser's own header is newer than the address, which it keeps when it connects again.
      const offset = readOffset(c.req.valid("header")["last-event-id"]) ?? c.req.valid("query").from ?? 0;
      const held = await jobs.hold(jobId, offset);
      if (c.req.method === "HEAD" || c.env.outgoing.destroyed) {
        held.release();
        return c.body(null, 200, sseHeaders);
      }
      return takeOver(c, clients, (client) => held.attach(client, offset));
    },
  );

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/events/stream",
      summary: "Follow all jobs",
      responses: { 200: streamAnswer },
    }),
    (c) => {
      if (c.req.method === "HEAD") return c.body(null, 200, sseHeaders);
      return takeOver(c, clients, (client) => events.add(client));
    },
  );
}

/** Gives the connection to the stream; what Hono would answer with is not sent. */
function takeOver(c: ApiContext, clients: SseClients, add: (client: SseClient) => void): Response {
  add(clients.open(c.env.outgoing, { "x-request-id": c.get("requestId") }));
  return RESPONSE_ALREADY_SENT;
}

/** An id that is no offset of ours is as good as none. */
function readOffset(lastEventId: string | undefined): number | undefined {
  return lastEventId !== undefined && /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : undefined;
}
