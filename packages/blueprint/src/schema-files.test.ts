// The JSON Schemas that docs/reference publishes are those that the sync checks with. After a change of the schemas:
//   vitest run --project unit packages/blueprint/src/schema-files.test.ts --update
import { readdirSync, readFileSync } from "node:fs";
import { expect, it, test } from "vitest";
import { blueprintSchemas } from "./blueprint-schemas.ts";

const schemas = Object.entries(blueprintSchemas());
const reference = new URL("../../../docs/reference/", import.meta.url);

test.each(schemas)("docs/reference/schemas/%s.json is up to date", async (kind, schema) => {
  const text = `${JSON.stringify(schema, undefined, 2)}\n`;
  await expect(text).toMatchFileSnapshot(new URL(`schemas/${kind}.json`, reference).pathname);
});

it("publishes no schema of what is no kind of file", () => {
  expect(readdirSync(new URL("schemas/", reference)).sort()).toEqual(schemas.map(([kind]) => `${kind}.json`).sort());
});

it("every key of the files is on the page about them", () => {
  const page = readFileSync(new URL("blueprint.md", reference), "utf8");
  const missing = [...new Set(schemas.flatMap(([, schema]) => keysOf(schema)))].filter(
    (key) => !page.includes(`\`${key}\``),
  );
  expect(missing).toEqual([]);
});

/** The names of all properties in a JSON Schema. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([word, value]) =>
    word === "properties" ? [...Object.keys(value), ...Object.values(value).flatMap(keysOf)] : keysOf(value),
  );
}
