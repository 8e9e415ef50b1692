import type { ApiRouter } from "./http/router.ts";

/** The OpenAPI 3.1 document of all routes, made from the same schemas that check the requests. */
export function openApiDocument(router: ApiRouter): object {
  router.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  router.openAPIRegistry.registerComponent("securitySchemes", "session", {
    type: "apiKey",
    in: "cookie",
    name: "danube_session",
  });
  return router.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Danube",
      version: "1",
      description: "Pipelines, jobs, logs, artifacts and secrets. Errors are problem+json (RFC 9457).",
      license: { name: "Apache-2.0" },
    },
  });
}
