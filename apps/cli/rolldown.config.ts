import { cpSync, existsSync } from "node:fs";
import { defineConfig } from "rolldown";

// The command and all services behind it. What a subcommand does not need stays in a chunk that it does not load. The bundled
// Coordinator and the web page lie beside it, so that dist/ is a whole installation but for the native database module.
export default defineConfig({
  input: { danube: "src/main.ts" },
  platform: "node",
  tsconfig: false,
  external: ["better-sqlite3", "@kubernetes/client-node"],
  plugins: [
    {
      name: "installation",
      writeBundle() {
        for (const [from, to] of [
          ["../coordinator/dist/coordinator.mjs", "dist/coordinator.mjs"],
          ["../web/dist", "dist/web"],
        ] as const) {
          if (!existsSync(from)) throw new Error(`${from} is missing; run pnpm build in the repository's root`);
          cpSync(from, to, { recursive: true });
        }
      },
    },
  ],
  output: {
    dir: "dist",
    format: "esm",
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name]-[hash].mjs",
    cleanDir: true,
  },
});
