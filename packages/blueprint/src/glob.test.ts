import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createGlobFilter, findGlobMistake } from "./glob.ts";

test.each([
  // globs, names that pass, names that do not
  [["main"], ["main"], ["Main", "main2", "maint", "", "feature/main"]],
  [["release-*"], ["release-", "release-1.2"], ["release-1/2", "release"]],
  [["*"], ["main", ".hidden", ""], ["feature/x"]],
  [["**"], ["main", "feature/x/y", ""], []],
  [["feature/*"], ["feature/x"], ["feature/x/y", "feature", "features/x"]],
  [["feature/**"], ["feature/x", "feature/x/y"], ["feature", "features/x"]],
  [["src/**/*.ts"], ["src/a.ts", "src/b/a.ts", "src/b/c/a.ts"], ["src/a.tsx", "a.ts", "xsrc/a.ts"]],
  [["**/package.json"], ["package.json", "a/package.json", "a/b/package.json"], ["a/xpackage.json", "package.json/a"]],
  [["**/a/**/b"], ["a/b", "x/a/b", "x/a/y/z/b"], ["a", "b", "ab", "x/ab"]],
  [["docs**"], ["docs", "docs2", "docs/a/b"], ["doc", "a/docs"]],
  [["a**b"], ["ab", "a/b", "axxb", "a/x/y/b"], ["a", "b", "abc"]],
  [["v?.?"], ["v1.2"], ["v10.2", "v1/2", "v1."]],
  [["v[0-9]*"], ["v1", "v10-rc"], ["vx", "v", "V1"]],
  [["[!a-c]x"], ["dx", "-x"], ["ax", "bx", "/x", "x"]],
  [["[]x]"], ["]", "x"], ["[]x]"]],
  [["*.{ts,js}"], ["a.ts", "a.js"], ["a.css", "a.{ts,js}"]],
  [["{a,b/{c,d}}/*.md"], ["a/x.md", "b/c/x.md", "b/d/x.md"], ["b/x.md", "c/x.md"]],
  [["x{,y}"], ["x", "xy"], ["y"]],
  [["[{,}]"], ["{", ",", "}"], ["x"]],
  [["app/\\[id\\]/\\{x\\}\\*"], ["app/[id]/{x}*"], ["app/i/x", "app/[id]/{x}y"]],
  [["a,b"], ["a,b"], ["a", "b"]],
  [["?"], ["é", "😀"], ["", "ab"]],
  [["main", "release/*"], ["main", "release/1"], ["dev"]],
  [["**", "!docs/**"], ["src/a", "docs"], ["docs/a"]],
  [["!docs/**", "**"], ["src/a"], ["docs/a"]],
  [["!wip/**"], ["main", "wip"], ["wip/x"]],
  [["a!b"], ["a!b"], ["ab"]],
  [["\\!a"], ["!a"], ["a", "b"]],
])("%j", (globs, passing, failing) => {
  const filter = createGlobFilter(globs);
  expect(passing.filter((name) => !filter(name))).toEqual([]);
  expect(failing.filter(filter)).toEqual([]);
});

test.each([
  ["a{b", 'the glob "a{b" has a "{" that is never closed with "}"'],
  ["a}b", 'the glob "a}b" has a "}" without a "{" before it'],
  ["a[b", 'the glob "a[b" has a "[" that is never closed with "]"'],
  ["[z-a]", 'the glob "[z-a]" has a range that goes backwards: z-a'],
  ["a\\", 'the glob "a\\\\" ends in a single "\\"'],
  ["!", 'the glob "" is empty'],
  ["{a,b}".repeat(7), `the glob "${"{a,b}".repeat(7)}" has more than 100 alternatives in braces`],
  ["main", undefined],
])("the mistake in %j", (glob, mistake) => {
  expect(findGlobMistake(glob)).toBe(mistake);
});

test("a glob with many stars stays quick on a name made to hurt", () => {
  const filter = createGlobFilter([`${"*a".repeat(100)}b`, `${"**/a/".repeat(60)}b`]);
  const start = performance.now();
  expect(filter("a".repeat(5_000))).toBe(false);
  expect(filter("a/".repeat(2_500))).toBe(false);
  expect(performance.now() - start).toBeLessThan(3_000);
});

test("agrees with the regular expression that says the same", () => {
  const piece = fc.constantFrom("a", "b", "/", "*", "?");
  const name = fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 8 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), name, (pieces, name) => {
      const glob = pieces.join("");
      if (glob.includes("**")) return;
      const pattern = pieces.map((p) => (p === "*" ? "[^/]*" : p === "?" ? "[^/]" : p)).join("");
      expect(createGlobFilter([glob])(name)).toBe(new RegExp(`^${pattern}$`).test(name));
    }),
    { numRuns: 2_000 },
  );
});
