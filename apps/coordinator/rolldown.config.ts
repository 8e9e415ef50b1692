import { parseAst } from "rolldown/parseAst";
import { type BuildOptions, defineConfig, type Plugin } from "rolldown";

/**
 * Takes Node's own modules by `process.getBuiltinModule`. An import makes Node read every property of the module first, and for
 * node:crypto alone that loads all of Web Crypto: together some 15 ms of each job's start.
 */
const builtinsWithoutImport: Plugin = {
  name: "builtins-without-import",
  renderChunk(code) {
    let changed = code;
    for (const node of parseAst(code).body.toReversed()) {
      if (node.type !== "ImportDeclaration") continue;
      if (!node.source.value.startsWith("node:")) throw new Error(`The bundle still imports "${node.source.value}".`);
      const builtin = `process.getBuiltinModule(${JSON.stringify(node.source.value)})`;
      const statements = node.specifiers.map((specifier) => {
        if (specifier.type !== "ImportSpecifier") return `const ${specifier.local.name} = ${builtin};`;
        const name = specifier.imported.type === "Identifier" ? specifier.imported.name : specifier.imported.value;
        return `const ${specifier.local.name} = ${builtin}.${name};`;
      });
      changed = `${changed.slice(0, node.start)}${statements.join("\n")}${changed.slice(node.end)}`;
    }
    return changed;
  },
};

/** The Coordinator in one file, so that starting it costs one read. Names are kept for stack traces. */
export const bundleOptions = ({ input, file }: { input: string; file: string }) =>
  ({
    input,
    platform: "node",
    tsconfig: false,
    plugins: [builtinsWithoutImport],
    treeshake: {
      // Nothing that is imported here does anything by being imported; what is not used is left out.
      moduleSideEffects: (id) => id.endsWith("/src/main.ts"),
      // Schemas that no call of ours needs.
      manualPureFunctions: ["z", "document", "command", "query", "page"],
    },
    output: {
      file,
      format: "esm",
      codeSplitting: false,
      minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    },
  }) satisfies BuildOptions;

export default defineConfig(bundleOptions({ input: "src/main.ts", file: "dist/coordinator.mjs" }));
