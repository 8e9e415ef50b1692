// One file against its schema. ajv tells by keyword what is wrong, and here it becomes a sentence; zod, which knows a few
// rules that JSON Schema cannot say, has the second word and fills in the defaults.
import { toPointer } from "@danube/protocol";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { z } from "zod";
import { showValue } from "./blueprint-error.ts";
import { type BlueprintFileKind, blueprintSchemas, zodSchemaOf } from "./blueprint-schemas.ts";
import { findNearestName } from "./nearest-name.ts";

export interface SchemaMistake {
  readonly pointer: string;
  readonly message: string;
  /** Whether the key is wrong, rather than its value. */
  readonly atKey?: boolean;
}

export type SchemaResult<K extends BlueprintFileKind> =
  | { readonly ok: true; readonly value: z.output<ReturnType<typeof zodSchemaOf<K>>> }
  | { readonly ok: false; readonly mistakes: readonly SchemaMistake[] };

/** Checks `value`, a file's content as it was written, and gives it its defaults. */
export function checkSchema<K extends BlueprintFileKind>(kind: K, value: unknown): SchemaResult<K> {
  const schema = zodSchemaOf(kind);
  const parsed = schema.safeParse(value);
  const isValid = validatorOf(kind);
  if (!isValid(value)) {
    const sentences = parsed.success ? new Map<string, string>() : zodSentences(parsed.error.issues);
    return { ok: false, mistakes: describeAll(isValid.errors ?? [], sentences) };
  }
  if (parsed.success) return { ok: true, value: parsed.data as z.output<ReturnType<typeof zodSchemaOf<K>>> };
  const mistakes = [...zodSentences(parsed.error.issues)].map(([pointer, sentence]) => ({
    pointer,
    message: refuse(valueAt(value, pointer), pointer, sentence),
  }));
  return { ok: false, mistakes };
}

let validators: Record<BlueprintFileKind, ValidateFunction> | undefined;

/** Compiled once for the process, when the first Blueprint is checked. */
function validatorOf(kind: BlueprintFileKind): ValidateFunction {
  if (!validators) {
    const ajv = new Ajv2020({
      allErrors: true,
      verbose: true,
      discriminator: true,
      strict: false,
      validateFormats: false,
    });
    const compiled = Object.entries(blueprintSchemas()).map(([name, schema]) => [name, ajv.compile(schema)]);
    validators = Object.fromEntries(compiled) as Record<BlueprintFileKind, ValidateFunction>;
  }
  return validators[kind];
}

/** What zod says of each place, by pointer: only its sentences are of use, ajv has found the same places. */
function zodSentences(issues: readonly z.core.$ZodIssue[], base: readonly PropertyKey[] = []): Map<string, string> {
  const sentences = new Map<string, string>();
  for (const issue of issues) {
    const path = [...base, ...issue.path];
    if (issue.code === "invalid_union")
      for (const branch of issue.errors) for (const [at, text] of zodSentences(branch, path)) sentences.set(at, text);
    else if (issue.code === "invalid_key") sentences.set(toPointer(path), issue.issues[0]?.message ?? issue.message);
    else if (issue.code === "invalid_format" && issue.format === "url")
      sentences.set(toPointer(path), 'it is not a URL; write one such as "https://example.com/path"');
    else if (issue.code === "invalid_format" && issue.format === "email")
      sentences.set(toPointer(path), 'it is not an email address such as "ada@example.com"');
    else sentences.set(toPointer(path), issue.message);
  }
  return sentences;
}

function describeAll(errors: readonly ErrorObject[], sentences: ReadonlyMap<string, string>): SchemaMistake[] {
  const mistakes = new Map<string, SchemaMistake>();
  for (const error of withoutOtherVariants(errors)) {
    const mistake = describe(error, sentences);
    if (mistake) mistakes.set(`${mistake.pointer}\n${mistake.message}`, mistake);
  }
  // A misspelt key is unknown, and the right one is missing: once is enough.
  const suggested = new Set([...mistakes.values()].map(({ pointer, message }) => missingFor(pointer, message)));
  return [...mistakes.values()].filter(({ pointer, message }) => !suggested.has(`${pointer}\n${message}`));
}

function missingFor(pointer: string, message: string): string | undefined {
  const suggestion = /^unknown key .*; did you mean ("[^"]*")\?$/.exec(message)?.[1];
  return suggestion && `${pointer.slice(0, pointer.lastIndexOf("/"))}\n${missing(suggestion)}`;
}

function missing(quotedKey: string): string {
  return `the key ${quotedKey} is missing`;
}

/** Of a value that may take several forms (`anyOf`), only the form that its author had in mind is worth a word. */
function withoutOtherVariants(errors: readonly ErrorObject[]): ErrorObject[] {
  const choices = errors.filter((error) => error.keyword === "anyOf");
  return errors.filter((error) => {
    const choice = choices.find((candidate) => error.schemaPath.startsWith(`${candidate.schemaPath}/`));
    if (choice) return error.schemaPath.startsWith(`${choice.schemaPath}/${intendedVariant(choice)}/`);
    return error.keyword !== "anyOf" || intendedVariant(error) === -1;
  });
}

function intendedVariant(choice: ErrorObject): number {
  const variants = choice.schema as { required?: string[] }[];
  return isRecord(choice.data)
    ? variants.findIndex((variant) => variant.required?.some((key) => Object.hasOwn(choice.data as object, key)))
    : -1;
}

function describe(error: ErrorObject, sentences: ReadonlyMap<string, string>): SchemaMistake | undefined {
  const pointer = error.instancePath;
  const parent = (error.parentSchema ?? {}) as ParentSchema;
  switch (error.keyword) {
    case "additionalProperties": {
      const key = String(error.params["additionalProperty"]);
      const known = Object.keys(parent.properties ?? {});
      const nearest = findNearestName(key, known);
      const fix = nearest === undefined ? `the keys here are ${list(known)}` : `did you mean ${showValue(nearest)}?`;
      return { pointer: pointer + toPointer([key]), message: `unknown key ${showValue(key)}; ${fix}`, atKey: true };
    }
    case "required":
      return { pointer, message: missing(showValue(error.params["missingProperty"])) };
    case "discriminator":
      return describeVariant(error, parent);
    case "type":
      return { pointer, message: describeType(error.data, String(error.params["type"])) };
    case "enum":
    case "const": {
      const allowed = parent.enum ?? [parent.const];
      return { pointer, message: describeChoice(error.data, allowed) };
    }
    case "pattern":
    case "format": {
      const key = error.propertyName;
      const place = key === undefined ? pointer : pointer + toPointer([key]);
      const sentence = sentences.get(place) ?? `it must match ${String(parent.pattern ?? parent.format)}`;
      return { pointer: place, message: refuse(key ?? error.data, place, sentence), atKey: key !== undefined };
    }
    case "anyOf": {
      const forms = (error.schema as { required?: string[] }[]).map(
        (variant) => `{${list(variant.required ?? [])}: …}`,
      );
      return { pointer, message: `must be one of ${forms.join(", ")}, not ${showValue(error.data)}` };
    }
    // Tells only that an inner error, which is described by itself, has to do with a key.
    case "propertyNames":
      return undefined;
    default:
      return { pointer, message: describeLimit(error) };
  }
}

interface ParentSchema {
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly pattern?: string;
  readonly format?: string;
  readonly oneOf?: readonly { readonly properties?: Readonly<Record<string, { readonly const?: unknown }>> }[];
}

function describeVariant(error: ErrorObject, parent: ParentSchema): SchemaMistake {
  const tag = String(error.params["tag"]);
  const allowed = (parent.oneOf ?? []).map((variant) => variant.properties?.[tag]?.const);
  const written: unknown = isRecord(error.data) ? error.data[tag] : undefined;
  if (written === undefined)
    return { pointer: error.instancePath, message: `${missing(showValue(tag))}; it must be one of ${list(allowed)}` };
  return { pointer: error.instancePath + toPointer([tag]), message: describeChoice(written, allowed) };
}

function describeChoice(written: unknown, allowed: readonly unknown[]): string {
  if (allowed.length === 1) return `must be ${showValue(allowed[0])}, not ${showValue(written)}`;
  const texts = allowed.filter((value) => typeof value === "string");
  const nearest = typeof written === "string" ? findNearestName(written, texts) : undefined;
  const fix = nearest === undefined ? "" : `; did you mean ${showValue(nearest)}?`;
  return `${showValue(written)} is not one of ${list(allowed)}${fix}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  integer: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

function describeType(written: unknown, type: string): string {
  const isNumber = type === "number" || type === "integer";
  let fix = "";
  if (typeof written === "string") {
    const plain = written.trim();
    if ((isNumber && /^-?\d+(\.\d+)?$/.test(plain)) || (type === "boolean" && /^(true|false)$/.test(plain)))
      fix = `; write ${plain} without quotes`;
  } else if (type === "string" && (typeof written === "number" || typeof written === "boolean"))
    fix = `; write ${showValue(String(written))} in quotes`;
  if (type === "array" && written !== null && !isRecord(written)) fix = `; write [${showValue(written)}]`;
  if (type === "array" && isRecord(written)) fix = "; write [ and ] around it";
  return `must be ${typeNames[type] ?? type}, not ${nameOf(written)}${fix}`;
}

function nameOf(value: unknown): string {
  if (typeof value === "string") return `the text ${showValue(value)}`;
  if (Array.isArray(value)) return "a list";
  return isRecord(value) ? "an object" : showValue(value);
}

function describeLimit(error: ErrorObject): string {
  const limit = String(error.params["limit"] as unknown);
  const written = showValue(error.data);
  switch (error.keyword) {
    case "minimum":
      return `must be ${limit} or more, not ${written}`;
    case "maximum":
      return `must be ${limit} or less, not ${written}`;
    case "exclusiveMinimum":
      return `must be more than ${limit}, not ${written}`;
    case "minLength":
      return "must not be empty";
    case "maxLength":
      return `must be at most ${limit} characters long, not ${(error.data as string).length}`;
    case "minItems":
      return `must have at least ${limit} ${limit === "1" ? "entry" : "entries"}`;
    default:
      return `${error.message ?? "is not valid"}, but is ${written}`;
  }
}

/** A refused value with the rule it breaks. What could be a credential is not repeated. */
function refuse(value: unknown, pointer: string, sentence: string): string {
  return pointer.endsWith("/password_hash") ? sentence : `${showValue(value)} is not allowed: ${sentence}`;
}

function valueAt(value: unknown, pointer: string): unknown {
  let current = value;
  for (const part of pointer.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return current;
}

function list(values: readonly unknown[]): string {
  return values.map(showValue).join(", ");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
