import { BlueprintStatus, Me } from "@danube/protocol";
import { guarded, jsonAnswer } from "../http/router.ts";
import type { RouteContext } from "./route-context.ts";

/** Small answers about the caller and about the configuration. */
export function addAccountRoutes({ router, guard, dependencies }: RouteContext): void {
  const { queries } = dependencies;

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/me",
      summary: "Who you are here",
      responses: { 200: jsonAnswer(Me, "You") },
    }),
    (c) => {
      const { subject, permission } = c.get("principal");
      return c.json({ subject, admin: permission === "admin" }, 200);
    },
  );

  router.openapi(
    guarded(guard, {
      method: "get",
      path: "/api/v1/blueprint",
      summary: "The applied configuration's commit and the last syncs",
      responses: { 200: jsonAnswer(BlueprintStatus, "The status") },
    }),
    async (c) => {
      const [{ commitSha }, { syncs }] = await Promise.all([
        queries.getConfiguration({}),
        queries.listBlueprintSyncs({}),
      ]);
      return c.json({ commitSha, syncs }, 200);
    },
  );
}
