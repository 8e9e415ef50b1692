import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ShellValue } from "../step.ts";
import { buildShellScript } from "./shell-quote.ts";

const script = (strings: TemplateStringsArray, ...values: ShellValue[]) => buildShellScript(strings, values);
const shell = (text: string) => execFileSync("/bin/sh", ["-c", text], { encoding: "utf8" });

describe("buildShellScript", () => {
  it("leaves plain words readable and quotes the rest", () => {
    expect(script`npm test -- ${"unit"} ${"a b"} ${3} ${"it's"}`).toBe("npm test -- unit 'a b' '3' 'it'\\''s'");
  });

  it("gives the shell every value as one unchanged word", () => {
    const text = fc.string({ unit: "binary", maxLength: 20 }).filter((value) => !value.includes("\0"));
    const hostile = fc.constantFrom("$(id)", "`id`", "-n", "~", "*", "a\nb", "'", '"', "\\", "if", "", "a=b", "2", "#");
    fc.assert(
      fc.property(fc.array(fc.oneof(hostile, text), { maxLength: 5 }), (values) => {
        const wellFormed = values.map((value) => value.toWellFormed());
        const printed = shell(script`for word in ${wellFormed} ; do printf '%s\\0' "$word"; done`);
        expect(printed.split("\0").slice(0, -1)).toEqual(wellFormed);
      }),
      { numRuns: 60 },
    );
  });

  it("makes no file descriptor of a number and no keyword of a word", () => {
    expect(shell(script`echo ${2}>/dev/null; echo a`)).toBe("a\n");
    expect(() => shell(script`${"if"} true 2>/dev/null`)).toThrow(/Command failed/);
  });

  it("expands an array to several words, and an empty one to none", () => {
    expect(script`ls ${["a b", "c"]} ${[]}end`).toBe("ls 'a b' c end");
  });

  it.each<[string, () => string]>([
    ["within quotes", () => script`echo "${"x"}"`],
    ["within quotes", () => script`echo '${"x"}'`],
    ["within quotes", () => script`echo "a $(date) ${"x"}"`],
    ["within quotes", () => script`echo "$(echo "${"x"}")"`],
    ["within backquotes", () => script`echo \`cat ${"x"}\``],
    ["in a comment", () => script`echo a # ${"x"}`],
    ["behind a backslash", () => script`echo \\${"x"}`],
    [
      "in a here-document",
      () => script`cat <<EOF
${"x"}
EOF`,
    ],
  ])("refuses a value that stands %s", (place, build) => {
    expect(build).toThrow(new RegExp(`A value stands ${place}`));
  });

  it.each<[string, () => string, string]>([
    ["after closed quotes", () => script`echo "a" 'b' ${"c"}`, `echo "a" 'b' c`],
    ["in a command substitution within quotes", () => script`echo "$(echo ${"a b"})"`, `echo "$(echo 'a b')"`],
    ["after a comment's line", () => script`# don't\necho ${"c"}`, `# don't\necho c`],
    [
      "after a here-document",
      () => script`cat <<-'E F'\n\tit's\n\tE F\necho ${"c"}`,
      `cat <<-'E F'\n\tit's\n\tE F\necho c`,
    ],
    ["after a shift in arithmetic", () => script`echo $((1<<2))\necho ${"c"}`, `echo $((1<<2))\necho c`],
    ["after a hash within a word", () => script`echo a#b $# \${#a} ${"c"}`, `echo a#b $# \${#a} c`],
  ])("lets a value stand %s", (_place, build, expected) => {
    expect(build()).toBe(expected);
  });

  it.each([undefined, null, {}, "a\0b"])("refuses %j as a value", (value) => {
    expect(() => buildShellScript(Object.assign(["echo ", ""], { raw: [] }), [value as string])).toThrow(TypeError);
  });

  it("refuses an empty command", () => {
    expect(() => script` ${[]} `).toThrow("The command is empty.");
  });
});
