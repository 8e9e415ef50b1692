// Finds imports that the house does not allow. Pure: takes sources and rules, returns sentences.
import { dirname, join, normalize } from "node:path/posix";
import { parseAst } from "rolldown/parseAst";
import type { RoomRule } from "./import-rules.ts";

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Every import that a rule forbids, as one sentence each with file, import and what would be allowed. */
export function findForbiddenImports(
  files: readonly SourceFile[],
  rules: Readonly<Record<string, RoomRule>>,
): string[] {
  return files.flatMap((file) => {
    const room = roomOf(file.path, rules);
    if (room === undefined)
      return [`${file.path}: lies in no room that tools/import-rules.ts knows; add the room or move the file`];
    return importsOf(file).flatMap((specifier) => judge(file.path, room, specifier, rules));
  });
}

function judge(path: string, room: string, specifier: string, rules: Readonly<Record<string, RoomRule>>): string[] {
  if (specifier.startsWith(".")) {
    const target = normalize(join(dirname(path), specifier));
    return target.startsWith(`${room}/`) || isRootConfiguration(path)
      ? []
      : [`${path}: "${specifier}" leaves ${room}; import the package by its name`];
  }
  if (!specifier.startsWith("@danube/")) return [];
  const name = specifier.slice("@danube/".length);
  if (name.includes("/src/")) return [`${path}: "${specifier}" reaches into a package; import what its index exports`];
  const rule = rules[room] as RoomRule;
  const relative = path.slice(room.length + 1);
  const onlyFiles = rule.only?.[name];
  if (onlyFiles?.includes(relative)) return [];
  if (rule.may.includes(name)) return [];
  if (isTest(path) && rule.testsMay?.includes(name)) return [];
  const allowed = onlyFiles
    ? `only ${onlyFiles.join(", ")} may`
    : `it may import ${rule.may.join(", ") || "nothing of ours"}`;
  return [`${path}: ${room} must not import "${specifier}"; ${allowed}`];
}

/** The module specifiers of static and dynamic imports, re-exports and `import()` types. */
export function importsOf(file: SourceFile): string[] {
  const language = file.path.endsWith(".tsx") ? "tsx" : "ts";
  const found: string[] = [];
  visit(parseAst(file.text, { lang: language }), (node) => {
    const source = node["source"] ?? (node["type"] === "TSImportType" ? node["argument"] : undefined);
    if (isNode(source) && typeof source["value"] === "string") found.push(source["value"]);
    else if (isNode(source) && isNode(source["literal"]) && typeof source["literal"]["value"] === "string")
      found.push(source["literal"]["value"]);
  });
  return found;
}

type AstNode = Record<string, unknown>;

function isNode(value: unknown): value is AstNode {
  return typeof value === "object" && value !== null;
}

function visit(value: unknown, each: (node: AstNode) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, each);
  else if (isNode(value)) {
    if (typeof value["type"] === "string") each(value);
    for (const child of Object.values(value)) visit(child, each);
  }
}

function roomOf(path: string, rules: Readonly<Record<string, RoomRule>>): string | undefined {
  return Object.keys(rules).find((room) => path.startsWith(`${room}/`));
}

function isTest(path: string): boolean {
  return /(\.test|\.cluster-test|-harness)\.tsx?$/.test(path) || path.includes("/testing/") || path.includes("/bench/");
}

function isRootConfiguration(path: string): boolean {
  return /(^|\/)(rolldown|vitest)\.config\.ts$/.test(path);
}
