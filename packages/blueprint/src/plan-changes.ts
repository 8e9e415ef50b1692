// What a new configuration changes, document by document and field by field. The writer stores it, people read it.
import { assertNever, type BlueprintChange, type BlueprintConfiguration, toPointer } from "@danube/protocol";

type Kind = BlueprintChange["kind"];
type Field = BlueprintChange["fields"][number];
type Document = { readonly kind: Kind; readonly metadata: { readonly name: string }; readonly spec: unknown };

const kinds: readonly Kind[] = ["Config", "User", "Team", "Pipeline"];
const hiddenKeys: ReadonlySet<string> = new Set(["password_hash"]);

/**
 * Everything that turns `before` into `after`, sorted by kind and name; empty when they mean the same. `before` undefined
 * stands for a server that has no configuration yet. Password hashes never appear: a changed one shows as "(hidden)" on
 * both sides. Lists of objects are compared place by place, lists of plain values as a whole.
 */
export function planChanges(
  before: BlueprintConfiguration | undefined,
  after: BlueprintConfiguration,
): BlueprintChange[] {
  const changes: BlueprintChange[] = [];
  for (const kind of kinds) {
    const old = byName(documentsOf(before, kind));
    const fresh = byName(documentsOf(after, kind));
    for (const name of [...new Set([...old.keys(), ...fresh.keys()])].sort()) {
      const from = old.get(name);
      const to = fresh.get(name);
      if (!from) changes.push({ action: "added", kind, name, fields: [] });
      else if (!to) changes.push({ action: "removed", kind, name, fields: [] });
      else {
        const fields = [...differences(from, to, [])];
        if (fields.length > 0) changes.push({ action: "changed", kind, name, fields });
      }
    }
  }
  return changes;
}

function documentsOf(configuration: BlueprintConfiguration | undefined, kind: Kind): readonly Document[] {
  if (!configuration) return [];
  switch (kind) {
    case "Config":
      // There is one server configuration, whatever it is called.
      return [{ ...configuration.config, metadata: { name: "config" } }];
    case "User":
      return configuration.users;
    case "Team":
      return configuration.teams;
    case "Pipeline":
      return configuration.pipelines;
    default:
      return assertNever(kind);
  }
}

function byName(documents: readonly Document[]): Map<string, Document> {
  return new Map(documents.map((document) => [document.metadata.name, document]));
}

function* differences(before: unknown, after: unknown, path: readonly (string | number)[]): Generator<Field> {
  if (isRecord(before) && isRecord(after)) {
    for (const key of [...new Set([...Object.keys(before), ...Object.keys(after)])].sort())
      yield* differences(own(before, key), own(after, key), [...path, key]);
  } else if (Array.isArray(before) && Array.isArray(after) && [...before, ...after].some(isRecord)) {
    for (let place = 0; place < Math.max(before.length, after.length); place++)
      yield* differences(before[place], after[place], [...path, place]);
  } else if (!isSame(before, after)) {
    const shown = (value: unknown) => (value === undefined ? {} : { value: hide(value, path.at(-1)) });
    const [from, to] = [shown(before), shown(after)];
    yield {
      pointer: toPointer(path),
      ...("value" in from ? { before: from.value } : {}),
      ...("value" in to ? { after: to.value } : {}),
    };
  }
}

/** The value as it may be shown: everything under a hidden key is replaced. */
function hide(value: unknown, key: string | number | undefined): unknown {
  if (typeof key === "string" && hiddenKeys.has(key)) return "(hidden)";
  if (Array.isArray(value)) return value.map((item) => hide(item, undefined));
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, hide(item, name)]));
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function own(record: Record<string, unknown>, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function isSame(left: unknown, right: unknown): boolean {
  return (
    left === right || (left !== undefined && right !== undefined && JSON.stringify(left) === JSON.stringify(right))
  );
}
