import { defineConfig } from "rolldown";

/**
 * What is published: types, a few lines that the pipeline file needs, and for `./testing` all of it in one file. What makes a
 * pipeline run comes from the Coordinator.
 */
export default defineConfig({
  input: { index: "src/index.ts", "testing/index": "src/testing/index.ts" },
  platform: "node",
  tsconfig: false,
  treeshake: { moduleSideEffects: false },
  output: { dir: "dist", format: "esm", entryFileNames: "[name].mjs", chunkFileNames: "shared/[name].mjs" },
});
