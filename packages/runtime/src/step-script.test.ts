import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { buildExports, buildStepScript, quote } from "./step-script.ts";

const directory = mkdtempSync(join(tmpdir(), "danube-script-"));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

const shells = [["/bin/sh"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"]].filter(([path]) =>
  existsSync(path as string),
);

// Runs a script as the launcher does, but without a new session: the words that start one are empty here.
function run(shell: readonly string[], script: Uint8Array): { status: number | null; stdout: string; stderr: string } {
  const path = join(directory, "script");
  writeFileSync(path, script);
  const [program, ...words] = shell;
  const env = { PATH: "/usr/bin:/bin", DANUBE_WORKSPACE: directory };
  const { status, stdout, stderr } = spawnSync(program as string, [...words, "-c", `set -- env; . ${path}`], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}

// What JavaScript has and UTF-8 has not, or what no variable can hold, is left out.
const text = fc.string({ unit: "binary", maxLength: 40 }).filter((it) => it.isWellFormed() && !it.includes("\0"));
const nastyText = fc.oneof(
  text,
  fc.stringMatching(/^['"\\$`\n\r\t !*?~#;&|<>(){}[\]=-]{0,20}$/),
  fc.constantFrom("\u0081", "\u0088", "'", "''", "\\", "\n", "\n\n", "-n", "'\\''", "$'x'", "é\u0085"),
);
const anyName = nastyText.filter((name) => name !== "" && !name.includes("=") && name !== "DANUBE_SANDBOX");

describe.each(shells.map((shell) => [shell.join(" "), shell] as const))("a step's script under %s", (_, shell) => {
  it("gives every argument and every variable exactly", () => {
    fc.assert(
      fc.property(
        fc.array(nastyText, { maxLength: 20 }),
        fc.dictionary(fc.oneof(fc.stringMatching(/^[A-Z][A-Z0-9]{0,8}X$/), anyName), nastyText, {
          maxKeys: 20,
          noNullPrototype: true,
        }),
        (words, env) => {
          const show = 'cat /proc/self/environ; printf "\\0the words:"; for word; do printf "\\0%s" "$word"; done';
          const argv = ["/bin/sh", "-c", show, "sh", ...words];
          // The program itself is run by a shell here, and shells drop odd names: so the variables are looked at in cat.
          const shown = run(shell, buildStepScript({ command: { argv } }));
          expect(shown.stdout.split("\0the words:")[1]).toBe(words.map((word) => `\0${word}`).join(""));
          const { stdout } = run(shell, buildStepScript({ command: { argv: ["cat", "/proc/self/environ"] }, env }));
          const seen = stdout.split("\0");
          for (const [name, value] of Object.entries(env)) expect(seen).toContain(`${name}=${value}`);
        },
      ),
      { numRuns: 25 },
    );
  });

  it("gives a shell its command exactly", () => {
    fc.assert(
      fc.property(nastyText, (value) => {
        const { stdout } = run(shell, buildStepScript({ command: { shell: `printf %s ${quote(value)}` } }));
        expect(stdout).toBe(value);
      }),
      { numRuns: 25 },
    );
  });

  it("fails with 126 and a line when there is no workspace", () => {
    const script = Buffer.concat([
      Buffer.from("DANUBE_WORKSPACE=/nonexistent/place\n"),
      buildStepScript({ command: { shell: "echo ran" } }),
    ]);
    expect(run(shell, script)).toEqual({
      status: 126,
      stdout: "",
      stderr: 'danube: the workspace "/nonexistent/place" cannot be entered\n',
    });
  });
});

describe("buildStepScript", () => {
  const refused = { code: "invalid_request" };
  it.each([
    ["an empty program", { command: { argv: [""] } }],
    ["a NUL in a command", { command: { shell: "a\0b" } }],
    ["a NUL in an argument", { command: { argv: ["a", "\0"] } }],
    ["a NUL in a value", { command: { shell: "true" }, env: { A: "\0" } }],
    ["a NUL in the directory", { command: { shell: "true" }, cwd: "a\0" }],
    ["an empty name", { command: { shell: "true" }, env: { "": "a" } }],
    ["a name with =", { command: { shell: "true" }, env: { "A=B": "a" } }],
    ["the driver's mark", { command: { shell: "true" }, env: { DANUBE_SANDBOX: "a" } }],
    ["a command of 128 KiB", { command: { shell: "x".repeat(131_072) } }],
    ["a variable of 128 KiB", { command: { shell: "true" }, env: { A: "é".repeat(65_536) } }],
  ])("refuses %s", (_, options) => {
    expect(() => buildStepScript(options)).toThrow(expect.objectContaining(refused));
  });

  it("tells of no value in its refusals", () => {
    const secret = `hunter22\0`;
    expect(() => buildStepScript({ command: { shell: "true" }, env: { A: secret } })).toThrow(/^(?!.*hunter22)/);
  });
});

describe("buildExports", () => {
  it("leaves out what a shell cannot export exactly", () => {
    expect(buildExports({ A: "it's", "b.c": "x", IFS: ":", danube_id: "x", _a1: "" })).toBe(
      "export A='it'\\''s'\nexport _a1=''\n",
    );
  });
});
