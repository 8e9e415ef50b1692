// How the pipeline's files are imported: "@danube/sdk" is this Coordinator's own implementation, whether or not the repository
// has the package installed, and files are taken for ES modules whatever the package.json beside them says.
//
// Node's parser for TypeScript takes about 40 ms to load, more than the whole rest of an import. Most pipeline files need no
// types, so a file that can be JavaScript is first offered as that, and only when V8 refuses it, with its types erased. Such a
// file means the same either way: see `canBeJavaScript`.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as sdk from "@danube/sdk";

/** What happened while files were imported, to explain a failure with. */
export interface ImportTrace {
  /** The last import that could not be resolved. */
  failedImport: { readonly specifier: string; readonly parentUrl: string | undefined } | undefined;
  /** The last of the user's files that was loaded: the one with the fault, if there was a fault in its syntax. */
  lastLoadedUrl: string | undefined;
}

export interface ModuleLoader {
  readonly trace: ImportTrace;
  /** Loads Node's parser for TypeScript, which takes the processor meanwhile. For a Coordinator that has time. */
  warmUp(): Promise<unknown>;
  /** Imports a file of the user's; `root` is the directory of all of them. Both with symbolic links resolved. */
  importFile(path: string, root: string): Promise<{ readonly default?: unknown }>;
}

const sdkUrl = "danube:sdk";
const warmUpUrl = "danube:warm-up";
/** By this global the virtual module finds the implementation, also when the Coordinator is bundled into one file. */
const sdkSymbol = Symbol.for("danube.sdk");

/** Changes how this process imports, until it ends. */
export function createModuleLoader(): ModuleLoader {
  const trace: ImportTrace = { failedImport: undefined, lastLoadedUrl: undefined };
  let rootUrl: string | undefined;
  let offersJavaScript = false;
  const offered = new Set<string>();
  const refused = new Set<string>();
  (globalThis as Record<symbol, unknown>)[sdkSymbol] = sdk;

  const loadTypeScript = (url: string) => {
    const source = readFileSync(fileURLToPath(url), "utf8");
    const isOffered = offersJavaScript && !refused.has(url) && canBeJavaScript(source);
    if (isOffered) offered.add(url);
    // What this file imports while it runs could not be offered a second time.
    if (importsWhileItRuns(source)) offersJavaScript = false;
    return { format: isOffered ? "module" : "module-typescript", source, shortCircuit: true };
  };
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier === "@danube/sdk") return { url: sdkUrl, format: "module", shortCircuit: true };
      if (specifier === warmUpUrl) return { url: warmUpUrl, format: "module-typescript", shortCircuit: true };
      try {
        return nextResolve(specifier, context);
      } catch (error) {
        trace.failedImport = { specifier, parentUrl: context.parentURL };
        throw error;
      }
    },
    load(url, context, nextLoad) {
      if (url === sdkUrl) return { format: "module", source: sdkSource(), shortCircuit: true };
      if (url === warmUpUrl) return { format: "module-typescript", source: warmUpSource, shortCircuit: true };
      const isOurs = rootUrl !== undefined && url.startsWith(rootUrl) && !url.includes("/node_modules/");
      if (!isOurs) return nextLoad(url, context);
      trace.lastLoadedUrl = url;
      return url.endsWith(".ts") ? loadTypeScript(url) : nextLoad(url, context);
    },
  });
  return {
    trace,
    warmUp: () => import(warmUpUrl),
    async importFile(path, root) {
      rootUrl = `${pathToFileURL(root).href}/`;
      offersJavaScript = true;
      for (;;) {
        try {
          const file = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
          offersJavaScript = false;
          return file;
        } catch (error) {
          // Faults of syntax are found before anything is evaluated. What was evaluated is not evaluated again.
          const url = trace.lastLoadedUrl;
          const mayNeedErasure = error instanceof SyntaxError && url !== undefined && offered.delete(url);
          if (!mayNeedErasure) throw error;
          refused.add(url);
        }
      }
    },
  };
}

/**
 * Whether TypeScript without any `<`, if it is valid JavaScript at all, says the same in both: only type arguments, as in
 * `f<T>(x)`, are valid in JavaScript and mean something else there.
 */
function canBeJavaScript(source: string): boolean {
  return !source.includes("<");
}

function importsWhileItRuns(source: string): boolean {
  return /\bimport\s*[(/]|require/i.test(source);
}

const warmUpSource = 'import { pipeline } from "@danube/sdk"; export default pipeline(async (): Promise<void> => {});';

function sdkSource(): string {
  return `export const { ${Object.keys(sdk).join(", ")} } = globalThis[Symbol.for("danube.sdk")];`;
}
