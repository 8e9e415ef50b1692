// Why the pipeline file could not be loaded, in one sentence with file and line. Loaded only when it is needed.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describeError, type SourceLocator } from "@danube/sdk/host";
import type { ImportTrace } from "./module-loader.ts";

interface LoadFailure {
  readonly workspace: string;
  readonly trace: ImportTrace;
  readonly locator: SourceLocator;
}

export async function explainLoadError(error: unknown, failure: LoadFailure): Promise<string> {
  const { locator, trace } = failure;
  if (!(error instanceof Error)) return describeError(error, locator);
  const code = "code" in error ? error.code : undefined;
  if (code === "ERR_MODULE_NOT_FOUND" && trace.failedImport !== undefined) return await explainMissing(failure);
  if (!(error instanceof SyntaxError)) return describeError(error, locator);
  // Node puts the place over the stack of some syntax errors, but not of all.
  const place =
    locator.ofError(error) ?? (await findSyntaxError(failure)) ?? trace.lastLoadedUrl ?? "the pipeline file";
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") return `${place}: ${explainUnsupported(error.message)}`;
  const missing = /does not provide an export named '(.*)'/.exec(error.message)?.[1];
  const hint = missing === undefined ? "" : `; if ${missing} is a type, write "import type"`;
  return `${place}: ${error.message}${hint}`;
}

const instead: readonly (readonly [RegExp, string])[] = [
  [/enum/, "a const object or a union of strings"],
  [/namespace|module/, "a module of its own"],
  [/parameter property/, "a field and an assignment in the constructor"],
  [/import equals|import =/i, "an ordinary import"],
];

function explainUnsupported(message: string): string {
  const what = message.replace(/ (is|are) not supported in strip-only mode.*$/s, "");
  const use = instead.find(([pattern]) => pattern.test(what))?.[1];
  const advice = use === undefined ? "" : `; use ${use} instead`;
  return `${what} is not supported, because types are erased and the rest runs as it is${advice}`;
}

async function explainMissing({ workspace, trace }: LoadFailure): Promise<string> {
  const { specifier = "", parentUrl } = trace.failedImport ?? {};
  const parent = parentUrl?.startsWith("file:") ? fileURLToPath(parentUrl) : undefined;
  const place = parent === undefined ? "the pipeline file" : await placeOfImport(workspace, parent, specifier);
  if (!/^\.{0,2}\//.test(specifier)) {
    return `${place} imports the package "${specifier}", which is not in the repository; what a step installs comes too late for the pipeline file itself`;
  }
  const directory = dirname(parent ?? workspace);
  const candidates = [`${specifier}.ts`, specifier.replace(/\.m?js$/, ".ts"), `${specifier}/index.ts`];
  const meant = candidates.find((each) => each !== specifier && existsSync(resolve(directory, each)));
  const hint = meant === undefined ? "" : `; it must be written with its extension: "${meant}"`;
  return `${place} imports "${specifier}", which does not exist${hint}`;
}

async function placeOfImport(workspace: string, file: string, specifier: string): Promise<string> {
  const shown = file.startsWith(`${workspace}/`) ? file.slice(workspace.length + 1) : file;
  const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
  const quoted = [`"${specifier}"`, `'${specifier}'`, `\`${specifier}\``];
  const index = lines.findIndex((line) => quoted.some((each) => line.includes(each)));
  return index === -1 ? shown : `${shown}:${index + 1}`;
}

/** Node warns on first use that this function may change; the reader of a job's log cannot do anything about it. */
function stripTypes(source: string): string {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** V8 does not tell where a module's syntax is wrong, but `node --check` does. */
async function findSyntaxError({ workspace, trace }: LoadFailure): Promise<string | undefined> {
  if (trace.lastLoadedUrl === undefined) return undefined;
  const path = fileURLToPath(trace.lastLoadedUrl);
  const shown = path.startsWith(`${workspace}/`) ? path.slice(workspace.length + 1) : path;
  const directory = await mkdtemp(join(tmpdir(), "danube-syntax-"));
  try {
    const source = await readFile(path, "utf8");
    const copy = join(directory, "checked.mjs");
    // Erased types leave blanks, so lines stay where they are.
    await writeFile(copy, /\.m?ts$/.test(path) ? stripTypes(source) : source);
    const line = await new Promise<string | undefined>((found) => {
      execFile(process.execPath, ["--check", copy], (_error, _stdout, stderr) => {
        found(/checked\.mjs:(\d+)/.exec(stderr)?.[1]);
      });
    });
    return line === undefined ? shown : `${shown}:${line}`;
  } catch {
    return shown;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
