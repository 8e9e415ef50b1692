// docs/reference/command-line.md has every command, option and exit code that there is, and no others.
import { readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { exitCodes } from "./exit-codes.ts";
import { runProgram } from "./program.ts";

const page = readFileSync(new URL("../../../docs/reference/command-line.md", import.meta.url), "utf8");

async function helpOf(command: readonly string[]): Promise<string> {
  let text = "";
  const stdout = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk);
      done();
    },
  });
  const surroundings = { ...process, env: {}, stdout, stderr: stdout, once: () => process, off: () => process };
  await runProgram([...command, "--help"], surroundings as unknown as Parameters<typeof runProgram>[1]);
  return text;
}

/** The words at the beginning of each line of a section of a help text. */
function wordsOf(help: string, section: "Commands" | "Options"): string[] {
  const lines = help.split(`\n${section}:\n`)[1]?.split("\n\n")[0]?.split("\n") ?? [];
  return lines.filter((line) => /^ {2}\S/.test(line)).map((line) => line.trim());
}

async function leafCommands(command: readonly string[] = []): Promise<{ name: string; options: string[] }[]> {
  const help = await helpOf(command);
  const names = wordsOf(help, "Commands").map((line) => line.split(" ")[0] as string);
  const inner = names.filter((name) => name !== "help");
  if (inner.length === 0) {
    const options = wordsOf(help, "Options").flatMap((line) => /--[a-z-]+/.exec(line)?.[0] ?? []);
    return [{ name: ["danube", ...command].join(" "), options: options.filter((option) => option !== "--help") }];
  }
  return (await Promise.all(inner.map((name) => leafCommands([...command, name])))).flat();
}

/** The headings `### danube …` with the options of the tables below them. */
function documented(): { name: string; options: string[] }[] {
  return page
    .split(/^### (?=danube )/m)
    .slice(1)
    .map((section) => {
      const [heading = "", ...lines] = section.split(/^#/m)[0]?.split("\n") ?? [];
      const rows = lines.filter((line) => line.startsWith("| `-"));
      return {
        name: heading.replace(/ [<[].*$/, ""),
        options: rows.flatMap((row) => /--[a-z-]+/.exec(row)?.[0] ?? []),
      };
    });
}

it("has every command with its options", async () => {
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  const sorted = (commands: { name: string; options: string[] }[]) =>
    commands.map(({ name, options }) => ({ name, options: options.toSorted() })).toSorted(byName);
  const commands = await leafCommands();
  expect(commands.length).toBeGreaterThan(10);
  expect(sorted(documented())).toEqual(sorted(commands));
});

it("has the options of all commands", async () => {
  for (const option of wordsOf(await helpOf([]), "Options")) expect(page).toContain(/--[a-z-]+/.exec(option)?.[0]);
});

it("has every exit code", () => {
  const table = page.split("## Exit codes")[1]?.split("\n## ")[0] ?? "";
  const codes = [...table.matchAll(/^\| (\d+) /gm)].map((row) => Number(row[1]));
  expect(codes).toEqual(Object.values(exitCodes));
});
