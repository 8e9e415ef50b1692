// Collects what the document and the environment say, each value with the place it comes from. Says nothing of validity
// beyond names: unknown ones, and a value given twice by the same source.
import type { ConfigurationProblem } from "./configuration-error.ts";
import { findNearest } from "./nearest.ts";
import { keySchema, keysOf, type SectionName, sectionNames } from "./sections.ts";

export interface Environment {
  readonly [name: string]: string | undefined;
}
export interface FoundValue {
  readonly value: unknown;
  readonly source: string;
}
/** By `section.key`. */
export type FoundValues = Map<string, FoundValue>;

export interface Collector {
  readonly found: FoundValues;
  readonly problems: ConfigurationProblem[];
  readonly readFile: (path: string) => string;
}

const fileSuffix = "_file";

/** Takes over the document's values. */
export function collectDocument(into: Collector, document: unknown, source: string): void {
  if (!isTable(document)) {
    into.problems.push({ key: source, source, fix: "must be a table of sections" });
    return;
  }
  for (const [name, section] of Object.entries(document)) {
    if (section === undefined) continue;
    if (!isSectionName(name)) into.problems.push({ key: name, source, fix: unknownFix("section", name, sectionNames) });
    else if (!isTable(section)) into.problems.push({ key: name, source, fix: `must be a section: [${name}]` });
    else collectSection(into, name, section, source);
  }
}

function collectSection(into: Collector, name: SectionName, section: Record<string, unknown>, source: string): void {
  for (const [key, value] of Object.entries(section)) {
    if (value === undefined) continue;
    const target = keySchema(name, key) ? key : key.slice(0, -fileSuffix.length);
    if (keySchema(name, key)) into.found.set(`${name}.${key}`, { value, source });
    else if (!key.endsWith(fileSuffix) || !keySchema(name, target))
      into.problems.push({ key: `${name}.${key}`, source, fix: unknownFix("key", key, keysOf(name)) });
    else if (section[target] !== undefined)
      into.problems.push({ key: `${name}.${key}`, source, fix: `give either ${target} or ${key}, not both` });
    else takeFile(into, `${name}.${target}`, value, `${source}, ${name}.${key}`);
  }
}

/** Takes over `DANUBE_<SECTION>_<KEY>` and `DANUBE_<SECTION>_<KEY>_FILE`, over what the document said. */
export function collectEnvironment(into: Collector, environment: Environment): void {
  const known = new Map<string, string>();
  for (const section of sectionNames)
    for (const key of keysOf(section)) known.set(variableName(section, key), `${section}.${key}`);

  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith("DANUBE_") || value === undefined || value === "") continue;
    const source = `environment variable ${variable}`;
    const target = known.get(variable);
    const plain = variable.endsWith("_FILE") ? variable.slice(0, -"_FILE".length) : "";
    const fileTarget = target === undefined ? known.get(plain) : undefined;
    if (target !== undefined) into.found.set(target, { value, source });
    else if (fileTarget === undefined) rejectUnknown(into, variable, source, [...known.keys()]);
    else if (environment[plain])
      into.problems.push({ key: fileTarget, source, fix: `set either ${plain} or ${variable}, not both` });
    else takeFile(into, fileTarget, value, source);
  }
}

/** `DANUBE_SERVER_BIND_ADDRESS` for `server.bind_address`. */
function variableName(section: string, key: string): string {
  return `DANUBE_${section}_${key}`.toUpperCase();
}

/** Kubernetes sets such variables for every Service in a Pod's namespace: nobody wrote them. */
const ofKubernetes = /_(SERVICE_(HOST|PORT(_.+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/** Other programs of ours have variables too, such as DANUBE_TOKEN: only what looks like a key of ours is judged. */
function rejectUnknown(into: Collector, variable: string, source: string, known: readonly string[]): void {
  if (ofKubernetes.test(variable)) return;
  const inSection = sectionNames.some((section) => variable.startsWith(variableName(section, "")));
  const withoutFile = variable.replace(/_FILE$/, "");
  const misspelt = findNearest(withoutFile, known, 2);
  if (!inSection && misspelt === undefined) return;
  into.problems.push({ key: variable, source, fix: unknownFix("variable", withoutFile, known) });
}

function takeFile(into: Collector, key: string, path: unknown, source: string): void {
  if (typeof path !== "string") {
    into.problems.push({ key, source, fix: "must be the path of a file" });
    return;
  }
  try {
    into.found.set(key, { value: into.readFile(path).replace(/\r?\n$/, ""), source: `${source}, file ${path}` });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    into.problems.push({ key, value: path, source, fix: `the file cannot be read: ${why}` });
  }
}

function unknownFix(what: string, name: string, known: readonly string[]): string {
  const nearest = findNearest(name, known);
  return nearest === undefined
    ? `there is no such ${what}; there are ${known.join(", ")}`
    : `there is no such ${what}; did you mean ${nearest}?`;
}

function isSectionName(name: string): name is SectionName {
  return (sectionNames as string[]).includes(name);
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
