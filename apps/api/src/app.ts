// The front door: builds everything behind the API's one listener. Opens no port before `start`.
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { newId } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import { createAdaptorServer } from "@hono/node-server";
import { createAuthenticator } from "./auth/authenticate.ts";
import { createHostCheck } from "./auth/request-origin.ts";
import { createSessions } from "./auth/sessions.ts";
import { accessOf } from "./auth/access-table.ts";
import { type ApiDependencies, defaultLimits } from "./dependencies.ts";
import { createGuard } from "./http/guard.ts";
import { respondWithProblem } from "./http/problem-response.ts";
import { type ApiRouter, createRouter } from "./http/router.ts";
import { openApiDocument } from "./open-api.ts";
import { addAccountRoutes } from "./rest/account.ts";
import { addArtifactRoutes } from "./rest/artifacts.ts";
import { createManualTriggers } from "./rest/decision.ts";
import { addJobRoutes } from "./rest/jobs.ts";
import { addLoginRoutes } from "./rest/login.ts";
import { addLogRoutes } from "./rest/logs.ts";
import { addOperationRoutes } from "./rest/operations.ts";
import { addPipelineRoutes } from "./rest/pipelines.ts";
import { addSecretRoutes } from "./rest/secrets.ts";
import { addStreamRoutes } from "./rest/streams.ts";
import { addWebhookRoutes } from "./rest/webhooks.ts";
import { createChangeFeed } from "./streams/change-feed.ts";
import { EventStream } from "./streams/event-stream.ts";
import { JobStreams } from "./streams/job-streams.ts";
import { openLogSource } from "./streams/log-source.ts";
import { createSseClients } from "./streams/sse-clients.ts";
import { createWebFiles } from "./web-files.ts";

export interface Api {
  /** Listens; port 0 takes a free one. Resolves with the address once requests are answered. */
  start(address: { readonly host: string; readonly port: number }): Promise<{ host: string; port: number }>;
  /**
   * Takes no new connections, ends the streams (their clients come again) and resolves when every request was answered, or
   * when `graceMs` (5 s unless told otherwise) are over and the rest was cut.
   */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
  /** The routes, for tests and for the published OpenAPI document. */
  readonly router: ApiRouter;
}

export function createApp(dependencies: ApiDependencies): Api {
  const { queries, commands, logger, metrics, clock, auth } = dependencies;
  const limits = { ...defaultLimits, ...dependencies.limits };
  const sessionLifetimeMs = auth.sessionLifetimeMs ?? 12 * 3_600_000;
  const secure = auth.publicUrl?.startsWith("https:") ?? false;
  const cookieName = secure ? "__Host-danube_session" : "danube_session";

  const feed = createChangeFeed({ source: dependencies.changes, clock, logger });
  const sessions = createSessions({ clock, lifetimeMs: sessionLifetimeMs });
  const guard = createGuard({
    authenticator: createAuthenticator({ localToken: auth.localToken ?? (() => undefined), queries, sessions, clock }),
    isAllowedHost: createHostCheck(auth.allowedHosts ?? [], auth.publicUrl),
    publicUrl: auth.publicUrl,
    cookieName,
    openMetrics: dependencies.openMetrics ?? false,
    metrics,
  });
  const clients = createSseClients({
    clock,
    heartbeatMs: limits.heartbeatMs,
    stallMs: limits.stallMs,
    onSizeChange: (size) => metrics.sseClientsActive.set(size),
    onMessages: (count) => metrics.sseMessagesSentTotal.add(count),
  });
  const jobs = new JobStreams({
    queries,
    feed,
    openLog: (jobId) => openLogSource({ directory: dependencies.logsDirectory, jobId }),
    clock,
    logger,
    logEndGraceMs: limits.logEndGraceMs,
  });
  const triggers = createManualTriggers({ queries, commands, feed, clock, waitMs: limits.decisionWaitMs });
  const webFiles = createWebFiles(dependencies.webFiles);

  const router = createRouter();
  router.use("*", async (c, next) => {
    const requestId = newId();
    c.set("requestId", requestId);
    c.header("x-request-id", requestId);
    c.header("x-content-type-options", "nosniff");
    c.header("cache-control", "no-store");
    await next();
  });
  router.onError((error, c) => respondWithProblem(c, error, logger));
  router.notFound((c) =>
    respondWithProblem(c, new DanubeError("not_found", `There is nothing at ${c.req.method} ${c.req.path}.`), logger),
  );
  const context = { router, guard, dependencies, feed, limits };
  addOperationRoutes(context);
  addWebhookRoutes(context);
  addLoginRoutes(context, sessions, { name: cookieName, secure, lifetimeMs: sessionLifetimeMs });
  addAccountRoutes(context);
  addPipelineRoutes(context, triggers);
  addJobRoutes(context, triggers);
  addLogRoutes(context);
  addStreamRoutes(context, { clients, jobs, events: new EventStream(feed) });
  addArtifactRoutes(context);
  addSecretRoutes(context);
  router.get("/api/v1/openapi.json", guard(accessOf("get", "/api/v1/openapi.json")), (c) =>
    c.json(openApiDocument(router)),
  );
  router.get("/*", guard(accessOf("get", "/*")), (c, next) => webFiles.respond(c) ?? next());

  const server = createAdaptorServer({ fetch: router.fetch }) as Server;
  // Longer than proxies keep a connection for the next request: else they send one just as it is being closed.
  server.keepAliveTimeout = 75_000;
  return {
    router,
    async start({ host, port }) {
      feed.start();
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host, port }, () => {
          server.off("error", reject);
          resolve();
        });
      });
      const address = server.address() as AddressInfo;
      return { host: address.address, port: address.port };
    },
    async stop({ graceMs = 5_000 } = {}) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      clients.closeAll();
      server.closeIdleConnections();
      const cancel = clock.setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      cancel();
      await feed.stop();
    },
  };
}
