// docs/guides/operating.md has every key of the configuration, its variable, and every metric.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { keysOf, sectionNames } from "./config/sections.ts";
import { createMetrics } from "./metrics.ts";

const page = readFileSync(new URL("../../../docs/guides/operating.md", import.meta.url), "utf8");

it("has every key of the configuration in its section, with its variable, and no other", () => {
  const parts = page.split(/^### \[(\w+)\]$/m).slice(1);
  const documented: Record<string, string[]> = {};
  for (let index = 0; index < parts.length; index += 2) {
    const rows = (parts[index + 1] ?? "").split(/^#/m)[0]?.matchAll(/^\| `(\w+)` *\| `(DANUBE_\w+)` *\|/gm) ?? [];
    documented[parts[index] as string] = [...rows].map(([, key, variable]) => `${key} ${variable}`).sort();
  }
  const existing = sectionNames.map((section) => [
    section,
    keysOf(section)
      .map((key) => `${key} DANUBE_${section.toUpperCase()}_${key.toUpperCase()}`)
      .sort(),
  ]);
  expect(documented).toEqual(Object.fromEntries(existing));
});

it("has every metric with its type, and no other", async () => {
  const text = await createMetrics().render();
  const existing = [...text.matchAll(/^# TYPE (danube_\w+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`);
  const rows = [...page.matchAll(/^\| `(danube_\w+)(?:\{[\w,]+\})?` *\| (\w+) *\|/gm)];
  expect(rows.map(([, name, type]) => `${name} ${type}`).sort()).toEqual(existing.sort());
});
