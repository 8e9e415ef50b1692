// Lets the pipeline's files import "@danube/sdk" and get this Coordinator's own implementation, whether or not the repository
// has the package installed, and sees to it that they are taken for ES modules whatever the package.json beside them says.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import * as sdk from "@danube/sdk";

const sdkUrl = "danube:sdk";
/** By this global the virtual module finds the implementation, also when the Coordinator is bundled into one file. */
const sdkSymbol = Symbol.for("danube.sdk");

/** What the hooks have seen, to explain a failure with. */
export interface ImportTrace {
  /** The last import that could not be resolved. */
  readonly failedImport: { readonly specifier: string; readonly parentUrl: string | undefined } | undefined;
  /** The last file that was loaded: the one with the fault, if there was a fault in its syntax. */
  readonly lastLoadedUrl: string | undefined;
}

/** Stays in force until the process ends. `rootUrl`: the URL of the user's files, with a slash at its end. */
export function installSdkHooks(rootUrl: string): ImportTrace {
  (globalThis as Record<symbol, unknown>)[sdkSymbol] = sdk;
  const trace: { -readonly [K in keyof ImportTrace]: ImportTrace[K] } = {
    failedImport: undefined,
    lastLoadedUrl: undefined,
  };
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier === "@danube/sdk") return { url: sdkUrl, format: "module", shortCircuit: true };
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        trace.failedImport = { specifier, parentUrl: context.parentURL };
        throw error;
      }
    },
    load(url, context, nextLoad) {
      if (url === sdkUrl) return { format: "module", source: sdkSource(), shortCircuit: true };
      if (!url.startsWith(rootUrl) || url.includes("/node_modules/")) return nextLoad(url, context);
      trace.lastLoadedUrl = url;
      if (!url.endsWith(".ts")) return nextLoad(url, context);
      const source = readFileSync(fileURLToPath(url), "utf8");
      return { format: "module-typescript", source, shortCircuit: true };
    },
  });
  return trace;
}

function sdkSource(): string {
  return `export const { ${Object.keys(sdk).join(", ")} } = globalThis[Symbol.for("danube.sdk")];`;
}
