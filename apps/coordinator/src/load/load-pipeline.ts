// Imports the pipeline file and finds its function.
import { readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, normalize } from "node:path";
import type { Pipeline } from "@danube/sdk";
import type { SourceLocator } from "@danube/sdk/host";
import type { ModuleLoader } from "./module-loader.ts";

/** The file cannot be had or used. The message is one sentence with file and line. */
export class PipelineLoadError extends Error {
  override readonly name = "PipelineLoadError";
}

/** Rejects with a PipelineLoadError. May never settle: then the file waits for what can no longer happen. */
export async function loadPipeline(options: {
  /** With symbolic links resolved. */
  readonly workspace: string;
  /** Relative to the workspace. */
  readonly script: string;
  readonly locator: SourceLocator;
  readonly loader: ModuleLoader;
}): Promise<Pipeline> {
  const { workspace, script, locator, loader } = options;
  const path = await findScript(workspace, script);
  let file: { readonly default?: unknown };
  try {
    file = await loader.importFile(path, workspace);
  } catch (error) {
    const { explainLoadError } = await import("./explain-load-error.ts");
    throw new PipelineLoadError(await explainLoadError(error, { workspace, trace: loader.trace, locator }), {
      cause: error,
    });
  }
  if (typeof file.default === "function") return file.default as Pipeline;
  throw new PipelineLoadError(
    "default" in file
      ? `the default export of ${script} is not a function but ${describeType(file.default)}; export default async ({ step }) => { … }`
      : `${script} has no default export; write export default async ({ step }) => { … }`,
  );
}

async function findScript(workspace: string, script: string): Promise<string> {
  const relative = normalize(script);
  if (isAbsolute(script) || relative === ".." || relative.startsWith("../"))
    throw new PipelineLoadError(`the pipeline's script "${script}" does not lie in the repository`);
  const path = join(workspace, relative);
  const found = await stat(path).catch(() => undefined);
  if (found?.isFile()) {
    // A symbolic link out of the repository leads to what is not part of the commit.
    if ((await realpath(path)).startsWith(`${workspace}/`)) return path;
    throw new PipelineLoadError(`the pipeline's script "${script}" is a link to a file that is not in the repository`);
  }
  const what = found === undefined ? "there is no file" : "it is not a file:";
  throw new PipelineLoadError(
    `${what} ${script} in the repository, whose root has ${await listRoot(workspace)}; the pipeline's "script" says where it is`,
  );
}

const listedNames = 20;

async function listRoot(workspace: string): Promise<string> {
  const entries = await readdir(workspace, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.name !== ".git")
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort();
  const more = names.length > listedNames ? ` and ${names.length - listedNames} more` : "";
  return names.length === 0 ? "nothing" : `${names.slice(0, listedNames).join(", ")}${more}`;
}

function describeType(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof Promise) return "a promise (leave out the call: export the function itself)";
  return typeof value === "object" ? "an object" : typeof value;
}
