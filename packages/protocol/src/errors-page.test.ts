// docs/reference/errors.md has every code as it is, and no other.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { errorCodes } from "./error.ts";

it("the page of errors is the table of codes", () => {
  const page = readFileSync(new URL("../../../docs/reference/errors.md", import.meta.url), "utf8");
  const rows = [
    ...page.matchAll(/^\| `(\w+)` *\| (\d+) *\| (.*?) *\| (caller|operator) *\| (yes|no) *\| (.*?) *\|$/gm),
  ];
  expect(rows.map(([, code, status, title, fault, retryable]) => [code, status, title, fault, retryable])).toEqual(
    Object.entries(errorCodes).map(([code, { httpStatus, title, fault, retryable }]) => [
      code,
      String(httpStatus),
      title,
      fault === "user" ? "caller" : "operator",
      retryable ? "yes" : "no",
    ]),
  );
  for (const [, , , , , , when] of rows) expect(when?.length).toBeGreaterThan(10);
});
