// How a service becomes one file for its image: `dist/main.mjs`, and beside it, where one is used, the native database module
// with its programs for every machine; the Dockerfile keeps the one it needs.
import { cpSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { RolldownOptions } from "rolldown";

/** The build of the service in `directory`. `database` says whether it opens the database. */
export function bundleService({ directory, database }: { directory: string; database: boolean }): RolldownOptions {
  const dist = path.join(directory, "dist");
  return {
    input: path.join(directory, "src/main.ts"),
    platform: "node",
    tsconfig: false,
    external: ["better-sqlite3"],
    plugins: [
      {
        name: "native database module",
        writeBundle() {
          rmSync(path.join(dist, "node_modules"), { recursive: true, force: true });
          if (database) copyDatabaseModule(path.join(dist, "node_modules/better-sqlite3"));
        },
      },
    ],
    output: {
      file: path.join(dist, "main.mjs"),
      format: "esm",
      codeSplitting: false,
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    },
  };
}

/** What the module needs at run time; its C sources, 9 MB of them, are left out. */
function copyDatabaseModule(target: string): void {
  const database = createRequire(new URL("../packages/db/package.json", import.meta.url));
  const source = path.dirname(database.resolve("better-sqlite3/package.json"));
  for (const part of ["package.json", "LICENSE", "lib", "prebuilds"])
    cpSync(path.join(source, part), path.join(target, part), { recursive: true });
}
