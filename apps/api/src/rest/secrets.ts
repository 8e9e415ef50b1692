import { DanubeError, SecretList, SecretSetRequestBody } from "@danube/protocol";
import { z } from "zod";
import { actorOf } from "../http/api-env.ts";
import { guarded, jsonAnswer } from "../http/router.ts";
import { requirePipeline } from "./pipelines.ts";
import { NameParams, type RouteContext } from "./route-context.ts";

/** Secrets are written and named here, never read. */
export function addSecretRoutes({ router, guard, dependencies }: RouteContext): void {
  const { queries, commands } = dependencies;

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/secrets",
      summary: "The names of all secrets",
      responses: { 200: jsonAnswer(SecretList, "The secrets, without their values") },
    }),
    async (c) => c.json({ items: (await queries.listSecrets({})).secrets }, 200),
  );

  router.openapi(
    guarded(guard, {
      method: "post",
      path: "/api/v1/secrets",
      summary: "Set a secret, of one pipeline or of all",
      request: { body: { required: true, content: { "application/json": { schema: SecretSetRequestBody } } } },
      responses: { 204: { description: "It is set" } },
    }),
    async (c) => {
      const { name, pipelineName, value } = c.req.valid("json");
      if (pipelineName !== undefined) await requirePipeline(queries, pipelineName);
      await commands.setSecret({ name, pipelineName, value, actor: actorOf(c) });
      return c.body(null, 204);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "delete",
      path: "/api/v1/secrets/{name}",
      summary: "Delete a secret",
      request: { params: NameParams, query: z.object({ pipelineName: z.string().optional() }) },
      responses: { 204: { description: "It is gone" } },
    }),
    async (c) => {
      const { name } = c.req.valid("param");
      const { pipelineName } = c.req.valid("query");
      const { deleted } = await commands.deleteSecret({ name, pipelineName, actor: actorOf(c) });
      if (!deleted) throw new DanubeError("not_found", `There is no secret ${JSON.stringify(name)} there.`);
      return c.body(null, 204);
    },
  );
}
