import { describe, expect, it } from "vitest";
import { findForbiddenImports, importsOf } from "./import-check.ts";
import { importRules } from "./import-rules.ts";

const rules = {
  "packages/low": { may: [] },
  "apps/high": { may: ["low"], only: { driver: ["src/composition.ts"] }, testsMay: ["low/testing"] },
};
const check = (path: string, text: string) => findForbiddenImports([{ path, text }], rules);

describe("findForbiddenImports", () => {
  it("lets an allowed import pass, whatever its form", () => {
    expect(
      check("apps/high/src/a.ts", 'import { a } from "@danube/low"; import fs from "node:fs"; import "./b.ts";'),
    ).toEqual([]);
  });

  it.each([
    ["an import", 'import { a } from "@danube/high";'],
    ["a type import", 'import type { a } from "@danube/high";'],
    ["a re-export", 'export * from "@danube/high";'],
    ["a dynamic import", 'const a = await import("@danube/high");'],
    ["an import type", 'let a: import("@danube/high").A;'],
  ])("refuses %s against the arrows", (_form, text) => {
    expect(check("packages/low/src/a.ts", text)).toEqual([
      'packages/low/src/a.ts: packages/low must not import "@danube/high"; it may import nothing of ours',
    ]);
  });

  it("lets only the named file import a driver", () => {
    expect(check("apps/high/src/composition.ts", 'import "@danube/driver";')).toEqual([]);
    expect(check("apps/high/src/other.ts", 'import "@danube/driver";')).toHaveLength(1);
  });

  it("gives tests what only tests may have", () => {
    expect(check("apps/high/src/a.test.ts", 'import "@danube/low/testing";')).toEqual([]);
    expect(check("apps/high/src/a.ts", 'import "@danube/low/testing";')).toHaveLength(1);
  });

  it("refuses to leave the room by a relative path or to reach into a package", () => {
    expect(check("apps/high/src/a.ts", 'import "../../../packages/low/src/x.ts";')).toHaveLength(1);
    expect(check("apps/high/src/a.ts", 'import "@danube/low/src/x.ts";')).toHaveLength(1);
  });

  it("names a file that lies in no room", () => {
    expect(check("stray/a.ts", "")).toEqual([
      "stray/a.ts: lies in no room that tools/import-rules.ts knows; add the room or move the file",
    ]);
  });
});

describe("importsOf", () => {
  it("reads tsx", () => {
    expect(importsOf({ path: "a.tsx", text: 'import { h } from "preact"; export const a = <p>x</p>;' })).toEqual([
      "preact",
    ]);
  });
});

describe("importRules", () => {
  it("lets only the control plane write to the database", () => {
    const writers = Object.entries(importRules).filter(([, rule]) => rule.may.includes("db/write"));
    expect(writers.map(([room]) => room)).toEqual(["apps/controlplane"]);
  });
});
