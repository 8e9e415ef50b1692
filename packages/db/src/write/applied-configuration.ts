import { BlueprintConfiguration, blueprintApiVersion } from "@danube/protocol";
import { readJson } from "../rows/json.ts";
import { sqlBuilder } from "../sql/builder.ts";
import type { ReadTransaction } from "../sql/transaction.ts";

/**
 * The configuration exactly as it was applied last, for a plan of what another one would change. Before the first it has no
 * users, teams or pipelines, and a Config of defaults.
 */
export function getAppliedConfiguration(transaction: ReadTransaction): {
  readonly commitSha?: string;
  readonly configuration: BlueprintConfiguration;
} {
  const applied = transaction.first(sqlBuilder.selectFrom("configuration").selectAll().compile());
  if (!applied) {
    const config = { apiVersion: blueprintApiVersion, kind: "Config", spec: {} };
    return { configuration: BlueprintConfiguration.parse({ config, users: [], teams: [], pipelines: [] }) };
  }
  return {
    ...(applied.commit_sha === null ? {} : { commitSha: applied.commit_sha }),
    configuration: readJson(BlueprintConfiguration, applied.document, "configuration.document"),
  };
}
