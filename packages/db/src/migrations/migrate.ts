// Brings a database to the newest schema: all of the way in one transaction, after a backup of what was.
import type { Logger } from "@danube/kit";
import { DanubeError } from "@danube/protocol";
import type { Database } from "better-sqlite3";
import type { Migration } from "./migration.ts";
import { readSchemaVersion, refuseNewerSchema } from "./schema-version.ts";

export interface MigrateOptions {
  readonly sqlite: Database;
  readonly migrations: readonly Migration[];
  /** Is called before anything changes, unless the database is empty. */
  readonly backup: (fromVersion: number) => void;
  readonly now: () => string;
  readonly logger: Pick<Logger, "info">;
}

/**
 * Applies the migrations that are missing. Killed anywhere, it leaves the old schema or the new one. Throws `schema_too_new`
 * for a database that a newer program made, and `corrupt` when a migration leaves references to nothing.
 */
export function migrate({ sqlite, migrations, backup, now, logger }: MigrateOptions): void {
  const newest = migrations.at(-1)?.version ?? 0;
  const stored = readSchemaVersion(sqlite);
  refuseNewerSchema(stored, newest);
  if (stored === newest) return;
  if (stored > 0) backup(stored);

  sqlite
    .transaction(() => {
      // Tables that are made anew must not cascade; that all references hold is checked at the end instead.
      sqlite.pragma("defer_foreign_keys = ON");
      sqlite.exec(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL) STRICT",
      );
      const record = sqlite.prepare("INSERT INTO schema_migrations (version, name, applied_at) VALUES (?, ?, ?)");
      for (const migration of migrations) {
        if (migration.version <= stored) continue;
        migration.apply(sqlite);
        record.run(migration.version, migration.name, now());
      }
      const dangling = sqlite.pragma("foreign_key_check") as readonly { readonly table: string }[];
      if (dangling[0]) {
        throw new DanubeError(
          "corrupt",
          `After the migration, table ${dangling[0].table} refers to rows that are gone.`,
        );
      }
    })
    .immediate();
  logger.info("The database schema was brought up to date.", { fromVersion: stored, toVersion: newest });
}
