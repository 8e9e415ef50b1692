import { type BuildOptions, defineConfig } from "rolldown";

/** The Coordinator in one file, so that starting it costs one read. Names are kept for stack traces. */
export const bundleOptions = ({ input, file }: { input: string; file: string }) =>
  ({
    input,
    platform: "node",
    tsconfig: false,
    treeshake: {
      // Nothing that is imported here does anything by being imported; what is not used is left out.
      moduleSideEffects: (id) => id.endsWith("/src/main.ts"),
    },
    output: {
      file,
      format: "esm",
      codeSplitting: false,
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    },
  }) satisfies BuildOptions;

export default defineConfig(bundleOptions({ input: "src/main.ts", file: "dist/coordinator.mjs" }));
