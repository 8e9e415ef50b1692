import { expect, it } from "vitest";
import { exitCodes } from "./exit-codes.ts";
import { runProgram } from "./program.ts";

/** Runs a command line that ends before it talks to a server, and returns what it said. */
async function runWith(...argv: string[]): Promise<{ exitCode: number; stderr: string }> {
  let stderr = "";
  const stream = (take: (text: string) => void) => ({ write: (text: string) => (take(text), true), on: () => {} });
  const exitCode = await runProgram(argv, {
    env: {},
    cwd: () => "/",
    stdin: process.stdin,
    stdout: stream(() => undefined),
    stderr: stream((text) => (stderr += text)),
    once: () => process,
    off: () => process,
  } as unknown as Parameters<typeof runProgram>[1]);
  return { exitCode, stderr };
}

it.each([
  [["run", "--param", "x", "some.ts"], "'x' is invalid. Write it as NAME=value."],
  [["trigger", "site", "--param", "=x"], "'=x' is invalid. Write it as NAME=value."],
  [["jobs", "list", "--limit", "0"], "'0' is invalid. Write a number from 1 to 500."],
  [["frobnicate"], "unknown command 'frobnicate'"],
  [["run", "--bogus"], "unknown option '--bogus'"],
  [["up", "--port", "99999"], 'server.bind_address = "127.0.0.1:99999"'],
  [["run", "/"], "There is no pipeline file at /; name one, or write danubefile.ts."],
])("%j is a usage error that names the value", async (argv, words) => {
  const { exitCode, stderr } = await runWith(...argv);
  expect(stderr).toContain(words);
  expect(exitCode).toBe(exitCodes.usage);
});

it("a parameter does not swallow the argument after it", async () => {
  const { stderr } = await runWith("run", "--param", "a=1", "no-such-file.ts");
  expect(stderr).toContain("There is no pipeline file at /no-such-file.ts");
});
