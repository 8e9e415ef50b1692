import { HealthReport } from "@danube/protocol";
import { z } from "zod";
import { bytesAnswer, guarded, jsonAnswer } from "../http/router.ts";
import type { RouteContext } from "./route-context.ts";

/** What operators and their machines ask. */
export function addOperationRoutes({ router, guard, dependencies }: RouteContext): void {
  const { health, metrics } = dependencies;

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/health",
      summary: "Whether the process lives",
      responses: { 200: jsonAnswer(z.object({ status: z.literal("ok") }), "It does") },
    }),
    (c) => c.json({ status: "ok" } as const, 200),
  );

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/health/ready",
      summary: "Whether it can do its work",
      responses: { 200: jsonAnswer(HealthReport, "It can"), 503: jsonAnswer(HealthReport, "A check fails") },
    }),
    async (c) => {
      const { status, checks } = await health.report();
      const report = { status, checks: [...checks] };
      return status === "ok" ? c.json(report, 200) : c.json(report, 503);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/metrics",
      summary: "Metrics in Prometheus' text format",
      responses: { 200: bytesAnswer("The metrics", "text/plain") },
    }),
    async (c) => c.body(await metrics.render(), 200, { "content-type": metrics.contentType }),
  );
}
