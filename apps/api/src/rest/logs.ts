import { type LogRange, type LogReader, openLogReader } from "@danube/logs";
import { LogSearchResult } from "@danube/protocol";
import { z } from "zod";
import type { ByteRange } from "../http/byte-range.ts";
import { bytesAnswer, guarded } from "../http/router.ts";
import { sendBytes } from "../http/send-bytes.ts";
import { IdParams, readId, requireJob, type RouteContext } from "./route-context.ts";

export function addLogRoutes({ router, guard, dependencies }: RouteContext): void {
  const { queries, logsDirectory } = dependencies;

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/jobs/{id}/logs",
      summary: "A job's log, or what one step wrote to it, or where a text is in it",
      request: {
        params: IdParams,
        query: z.object({
          step: z.string().optional(),
          search: z.string().min(1).max(1_000).optional(),
          ignoreCase: z.enum(["true", "false"]).optional(),
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
        }),
      },
      responses: {
        200: bytesAnswer("The log, or with `search` the matches", "text/plain", {
          "application/json": { schema: LogSearchResult },
        }),
        206: bytesAnswer("The part that `Range` asks for", "text/plain"),
      },
    }),
    async (c) => {
      const { id: jobId } = await requireJob(queries, c.req.valid("param").id);
      const { step, search, ignoreCase, limit } = c.req.valid("query");
      const stepId = step === undefined ? undefined : readId(step, "step");
      const open = () => openLogReader({ directory: logsDirectory, jobId });
      const reader = open();
      try {
        if (search !== undefined) {
          const { signal } = c.req.raw;
          const found = await reader.search({ text: search, limit, ignoreCase: ignoreCase === "true", signal });
          return c.json(LogSearchResult.parse(found), 200);
        }
        const parts = stepId === undefined ? [{ start: 0, end: await reader.size() }] : await reader.stepRanges(stepId);
        return sendBytes(c, {
          sizeBytes: parts.reduce((sum, { start, end }) => sum + (end - start), 0),
          contentType: "text/plain; charset=utf-8",
          headers: { "cache-control": "private, no-cache" },
          read: (range) => readParts(open, parts, range),
        });
      } finally {
        await reader.close();
      }
    },
  );
}

/**
 * The bytes of `range` of what the parts are when put together. Opens the log when the first byte is asked for: an answer
 * that nobody takes leaves nothing open.
 */
async function* readParts(open: () => LogReader, parts: readonly LogRange[], range: ByteRange): AsyncGenerator<Buffer> {
  const reader = open();
  try {
    let before = 0;
    for (const part of parts) {
      const start = part.start + Math.max(0, range.start - before);
      const end = Math.min(part.end, part.start + range.end - before);
      before += part.end - part.start;
      if (start < end) yield* reader.read({ start, end });
    }
  } finally {
    await reader.close();
  }
}
