// The bytes of a Blueprint's files become a configuration, or a list of everything that is wrong with them.
import {
  blueprintApiVersion,
  type BlueprintConfiguration,
  ConfigDocument,
  type PipelineDocument,
} from "@danube/protocol";
import type { BlueprintError } from "./blueprint-error.ts";
import type { BlueprintFileKind } from "./blueprint-schemas.ts";
import { checkConfig } from "./check-config.ts";
import { checkPipeline } from "./check-pipeline.ts";
import { checkReferences } from "./check-references.ts";
import { checkSchema, type SchemaResult } from "./check-schema.ts";
import { type JsonDocument, readJsonDocument } from "./json-document.ts";

export type BlueprintResult =
  | { readonly ok: true; readonly configuration: BlueprintConfiguration }
  | { readonly ok: false; readonly errors: readonly BlueprintError[] };

/** More would not be read; the rest shows once these are mended. */
const mostErrors = 200;

/**
 * Reads `config.json`, `users.json`, `teams.json` and `pipelines/<name>.json`; other paths mean nothing. Any of them may be
 * missing, but not all. Never throws for what the files hold. Rules between files are checked only when each file is right
 * by itself, for their errors would mislead. Errors are in the order of files and places.
 */
export function parseBlueprint(files: ReadonlyMap<string, Uint8Array>): BlueprintResult {
  const documents = new Map<string, JsonDocument>();
  const errors: BlueprintError[] = [];
  const report = (file: string, pointer: string, message: string, atKey = false): void => {
    const document = documents.get(file);
    const place = atKey ? document?.placeOfKey(pointer) : document?.placeOf(pointer);
    errors.push({ file, pointer, ...place, message });
  };

  const read = <K extends BlueprintFileKind>(file: string, kind: K) => {
    const bytes = files.get(file);
    return bytes && readFile({ file, kind, bytes, documents, report, errors });
  };
  const config = read("config.json", "config");
  const users = read("users.json", "users");
  const teams = read("teams.json", "teams");
  const pipelines: { file: string; document: PipelineDocument }[] = [];
  const pipelineFiles = [...files.keys()].filter((file) => /^pipelines\/[^/]+\.json$/.test(file)).sort();
  for (const file of pipelineFiles) {
    const result = read(file, "pipeline");
    if (result?.ok) pipelines.push({ file, document: result.value });
  }

  if (documents.size === 0) {
    const message =
      "there is no Blueprint here: none of config.json, users.json, teams.json and pipelines/<name>.json exists";
    return { ok: false, errors: [{ file: "config.json", pointer: "", message }] };
  }
  if (config?.ok) checkConfig("config.json", config.value, report);
  for (const { file, document } of pipelines) checkPipeline(file, document, report);
  if (errors.length === 0)
    checkReferences(
      { users: users?.ok ? users.value : undefined, teams: teams?.ok ? teams.value : undefined, pipelines },
      report,
    );
  if (errors.length > 0) return { ok: false, errors: sortAndLimit(errors) };

  return {
    ok: true,
    configuration: {
      config: config?.ok ? config.value : defaultConfig(),
      users: users?.ok ? users.value : [],
      teams: teams?.ok ? teams.value : [],
      pipelines: pipelines.map(({ document }) => document),
    },
  };
}

interface FileToRead<K extends BlueprintFileKind> {
  readonly file: string;
  readonly kind: K;
  readonly bytes: Uint8Array;
  readonly documents: Map<string, JsonDocument>;
  readonly report: (file: string, pointer: string, message: string, atKey?: boolean) => void;
  readonly errors: BlueprintError[];
}

function readFile<K extends BlueprintFileKind>(request: FileToRead<K>): SchemaResult<K> | undefined {
  const { file, documents, report, errors } = request;
  const document = readJsonDocument(decode(request.bytes, file, errors));
  documents.set(file, document);
  for (const mistake of document.mistakes) errors.push({ file, ...mistake });
  if (document.mistakes.some((mistake) => mistake.pointer === "") || document.value === undefined) return undefined;
  const result = checkSchema(request.kind, document.value);
  if (!result.ok) for (const { pointer, message, atKey } of result.mistakes) report(file, pointer, message, atKey);
  return result;
}

/** A byte order mark is dropped. Bytes that are no UTF-8 become one error, and the rest is read all the same. */
function decode(bytes: Uint8Array, file: string, errors: BlueprintError[]): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    errors.push({ file, pointer: "", message: "the file is not UTF-8 text; save it in that encoding" });
    return new TextDecoder().decode(bytes);
  }
}

function defaultConfig(): ConfigDocument {
  return ConfigDocument.parse({ apiVersion: blueprintApiVersion, kind: "Config", spec: {} });
}

function sortAndLimit(errors: readonly BlueprintError[]): BlueprintError[] {
  const sorted = errors.toSorted(
    (a, b) =>
      (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) ||
      (a.line ?? 0) - (b.line ?? 0) ||
      (a.column ?? 0) - (b.column ?? 0),
  );
  const more = sorted.length - mostErrors;
  if (more <= 0) return sorted;
  const last = sorted[mostErrors] as BlueprintError;
  return [
    ...sorted.slice(0, mostErrors),
    { file: last.file, pointer: "", message: `and ${more} more errors after these` },
  ];
}
