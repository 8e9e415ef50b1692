import type { Logger } from "@danube/kit";
import { DanubeError, errorCodes, isDanubeError, toProblem } from "@danube/protocol";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ApiContext } from "./api-env.ts";

/** The answer to a request that failed: problem+json, with the request's id in `instance`. Logs what is our own fault. */
export function respondWithProblem(c: ApiContext, thrown: unknown, logger: Logger): Response {
  const error = asDanubeError(thrown);
  const requestId = c.get("requestId");
  if (!isDanubeError(error) || errorCodes[error.code].fault === "system") {
    logger.error("A request failed", { requestId, method: c.req.method, path: c.req.path, error });
  }
  const problem = toProblem(error, `urn:uuid:${requestId}`);
  if (problem.status === 401) c.header("www-authenticate", 'Bearer realm="danube"');
  if (problem.status === 503) c.header("retry-after", "5");
  return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, {
    "content-type": "application/problem+json",
  });
}

/** Hono refuses what it can't parse with errors of its own. */
function asDanubeError(thrown: unknown): unknown {
  if (!(thrown instanceof HTTPException)) return thrown;
  if (thrown.status >= 500) return thrown;
  return new DanubeError("invalid_request", thrown.message || "The request is not valid.", { cause: thrown });
}
