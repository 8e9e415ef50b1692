import { DanubeError } from "@danube/protocol";
import type { Database } from "better-sqlite3";

/** The version of the schema a database has; 0 for an empty one. */
export function readSchemaVersion(sqlite: Database): number {
  const table = sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'").get();
  if (table === undefined) return 0;
  return sqlite.prepare("SELECT coalesce(max(version), 0) FROM schema_migrations").pluck().get() as number;
}

/** Refuses a schema that a newer program made: this one would not know what its rows mean. Throws `schema_too_new`. */
export function refuseNewerSchema(stored: number, known: number): void {
  if (stored <= known) return;
  throw new DanubeError(
    "schema_too_new",
    `The database has schema ${stored}, and this program knows schemas up to ${known}: run the newer program, or restore a backup from before the upgrade.`,
  );
}
