// docs/reference/rest-api.md has every route with its permission, and no other.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { accessTable } from "./access-table.ts";

test("the page of the REST API has the routes of the access table", () => {
  const page = readFileSync(new URL("../../../../docs/reference/rest-api.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([A-Z]+) (\/\S*)` *\| (\w+) *\|/gm)];
  const documented = rows.map(([, method, path, access]) => [`${method?.toLowerCase()} ${path}`, access]);
  expect(Object.fromEntries(documented)).toEqual(accessTable);
});
