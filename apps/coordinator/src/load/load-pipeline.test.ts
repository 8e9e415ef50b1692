// Every way in which a pipeline file cannot be loaded or ends badly, in a real Coordinator.
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { createTestControlPlane, type TestControlPlane } from "../testing/test-control-plane.ts";

let controlPlane: TestControlPlane;
afterEach(() => controlPlane.close());

async function run(files: string | Record<string, string>, script = "danubefile.ts") {
  controlPlane = await createTestControlPlane({
    files: typeof files === "string" ? { "danubefile.ts": files } : files,
    context: { script },
  });
  const coordinator = await controlPlane.start();
  const outcome = await controlPlane.outcome;
  expect([await coordinator.ended, coordinator.stderr()]).toEqual([0, ""]);
  return outcome;
}

const fine = `export default ({ step }) => step.run("true");`;

describe("a pipeline file that cannot be loaded", () => {
  it.each<[string, string | Record<string, string>, RegExp]>([
    [
      "is missing",
      { "README.md": "", "src/index.ts": "", "package.json": "{}" },
      /^there is no file danubefile\.ts in the repository, whose root has README\.md, package\.json, src\/; the pipeline's "script"/,
    ],
    [
      "has an enum",
      "const a = 1;\n\nenum A { B }\nexport default () => a;",
      /^danubefile\.ts:3: TypeScript enum is not .*; use a const object/,
    ],
    [
      "has a namespace",
      "namespace A { export const b = 1; }",
      /^danubefile\.ts:1: TypeScript namespace declaration is not supported/,
    ],
    [
      "has a parameter property",
      "class A {\n  constructor(private a: number) {}\n}",
      /^danubefile\.ts:2: TypeScript parameter property is not .*; use a field/,
    ],
    ["has a syntax error", "const a = 1;\nexport default async ( => {};", /^danubefile\.ts:2: Expression expected$/],
    [
      "has a fault that only the engine finds",
      "const a: number = 1;\nconst b = 1;\nconst a = 2;",
      /^danubefile\.ts:3: Identifier 'a' has already been declared$/,
    ],
    [
      "imports a file with an enum",
      { "danubefile.ts": `import "./ci/a.ts";`, "ci/a.ts": "\nenum A {}" },
      /^ci\/a\.ts:2: TypeScript enum/,
    ],
    [
      "imports a missing file",
      `\nimport { a } from "./nope.ts";`,
      /^danubefile\.ts:2 imports "\.\/nope\.ts", which does not exist$/,
    ],
    [
      "leaves an extension out",
      { "danubefile.ts": `import { a } from './ci/a';`, "ci/a.ts": "export const a = 1;" },
      /^danubefile\.ts:1 imports "\.\/ci\/a", which does not exist; .*: "\.\/ci\/a\.ts"$/,
    ],
    [
      "imports a missing package",
      { "danubefile.ts": `import "./a.ts";`, "a.ts": `\n\nimport pad from "left-pad";` },
      /^a\.ts:3 imports the package "left-pad", which is not in the repository; what a step installs comes too late/,
    ],
    [
      "imports a type as a value",
      `import { Step } from "@danube/sdk";`,
      /^danubefile\.ts:1: .*'@danube\/sdk' does not provide an export named 'Step'; if Step is a type, write "import type"$/,
    ],
    ["exports nothing", "export const a = 1;", /^danubefile\.ts has no default export; write export default async/],
    [
      "exports no function",
      "export default { steps: [] };",
      /^the default export of danubefile\.ts is not a function but an object/,
    ],
    ["throws", "const a = 1;\n\nthrow new RangeError('boom');", /^RangeError: boom \(danubefile\.ts:3\)$/],
    ["throws what is no error", "throw { a: 1 };", /^the pipeline threw { a: 1 }, which is not an Error$/],
    [
      "waits for ever",
      "await new Promise(() => {});\nexport default () => 1;",
      /^the pipeline never finished: something it awaits can/,
    ],
  ])("%s", async (_what, files, message) => {
    expect(await run(files)).toEqual({
      status: "failure",
      reason: "pipeline_error",
      message: expect.stringMatching(message),
    });
  });

  it("says nothing else in the job's log", async () => {
    await run("const a: number = 1;\nconst a = 2;");
    expect(controlPlane.log()).toBe("danube: danubefile.ts:2: Identifier 'a' has already been declared\n");
  });

  it("must lie in the repository, also when it is a link", async () => {
    expect(await run({}, "../secret.ts")).toMatchObject({
      message: expect.stringContaining("does not lie in the repository"),
    });
    await controlPlane.close();
    controlPlane = await createTestControlPlane({ files: { "ci/real.ts": fine } });
    const outside = join(controlPlane.workspace, "../outside.ts");
    writeFileSync(outside, fine);
    symlinkSync(outside, join(controlPlane.workspace, "danubefile.ts"));
    await controlPlane.start();
    expect(await controlPlane.outcome).toMatchObject({ message: expect.stringContaining("not in the repository") });
    await controlPlane.close();
    controlPlane = await createTestControlPlane({ files: { "ci/real.ts": fine } });
    symlinkSync("ci/real.ts", join(controlPlane.workspace, "danubefile.ts"));
    await controlPlane.start();
    expect(await controlPlane.outcome).toEqual({ status: "success" });
  });
});

describe("a pipeline file that ends badly", () => {
  it.each<[string, string, RegExp]>([
    [
      "throws",
      `export default async () => {\n  await null;\n  undefined.x;\n};`,
      /^TypeError: .* \(danubefile\.ts:3\)$/,
    ],
    [
      "forgets a step",
      `export default async ({ step }) => {\n  step.run("true", { name: "x" });\n};`,
      /^step "x" was started at danubefile\.ts:2 and not awaited$/,
    ],
    [
      "leaves the process",
      `export default async ({ step }) => {\n  try {\n    process.exit(0);\n  } catch {}\n  await step.run("true");\n};`,
      /^process\.exit\(0\) was called at danubefile\.ts:3; a pipeline ends by returning/,
    ],
    [
      "sets an exit code",
      `export default () => {\n  process.exitCode = 2;\n};`,
      /^the pipeline set process\.exitCode to 2/,
    ],
    [
      "leaves a rejection alone",
      `export default async ({ step }) => {\n  Promise.reject(new Error("lost"));\n  await step.run("true");\n};`,
      /^a promise was rejected and nobody handled it: lost \(danubefile\.ts:2\)$/,
    ],
    [
      "leaves a rejection alone in its last moment",
      `export default () => {\n  Promise.reject(new Error("lost"));\n};`,
      /^a promise was rejected and nobody handled it: lost \(danubefile\.ts:2\)$/,
    ],
    [
      "throws after its end, before that is told",
      `export default ({ step }) => {\n  step.run("true", { name: "x" });\n  setImmediate(() => setImmediate(() => {\n    throw new Error("late");\n  }));\n};`,
      /^step "x" was started at danubefile\.ts:2 and not awaited$/,
    ],
    [
      "leaves the process after its end, before that is told",
      `export default ({ step }) => {\n  step.run("true", { name: "x" });\n  setImmediate(() => setImmediate(() => process.exit(0)));\n};`,
      /^step "x" was started at danubefile\.ts:2 and not awaited$/,
    ],
    [
      "throws in a timer",
      `export default () => new Promise(() => {\n  setTimeout(() => {\n    throw new Error("late");\n  }, 1);\n});`,
      /^late \(danubefile\.ts:3\)$/,
    ],
    [
      "waits for what can't happen",
      `export default async ({ step }) => {\n  await step.run("true");\n  await new Promise(() => {});\n};`,
      /^the pipeline never finished: something it awaits can no longer happen$/,
    ],
  ])("%s", async (_what, file, message) => {
    const outcome = await run(file);
    expect(outcome).toEqual({ status: "failure", reason: "pipeline_error", message: expect.stringMatching(message) });
    expect(controlPlane.log()).toContain("danube: ");
  });

  it("shows the reader of the log where it threw", async () => {
    await run(`function deep() {\n  throw new Error("boom");\n}\nexport default () => deep();`);
    expect(controlPlane.log()).toMatch(/Error: boom\n +at deep .*danubefile\.ts:2:9\)\n/);
  });
});

describe("a pipeline file that is fine", () => {
  it.each<[string, Record<string, string>, string]>([
    ["in a CommonJS package", { "package.json": `{"type":"commonjs"}`, "danubefile.ts": fine }, "danubefile.ts"],
    [
      "with helpers of its own in a CommonJS package",
      {
        "package.json": `{"type":"commonjs"}`,
        "danubefile.ts": `import { command } from "./ci/a.ts";\nexport default ({ step }) => step.run(command);`,
        "ci/a.ts": `export const command: string = "true";`,
      },
      "danubefile.ts",
    ],
    ["in JavaScript", { "ci/pipeline.mjs": fine }, "ci/pipeline.mjs"],
    [
      "with types in some of its files and not in others",
      {
        "danubefile.ts": `import { a } from "./a.ts";\nimport { b } from "./b.ts";\nimport { c } from "./c.ts";
          globalThis.runs = (globalThis.runs ?? 0) + 1;
          export default async ({ step }) => {
            const { d } = await import("./d.ts");
            if (a + b + c + d !== 10 || globalThis.runs !== 1 || globalThis.bRuns !== 1) throw new Error("evaluated twice");
            await step.run("true");
          };`,
        "a.ts": "export const a: number = 1;",
        "b.ts": "globalThis.bRuns = (globalThis.bRuns ?? 0) + 1;\nexport const b = 2;",
        "c.ts": "type C = 3;\nexport const c = 3 as C;",
        "d.ts": "export const d = 4 satisfies number;",
      },
      "danubefile.ts",
    ],
    [
      "with type arguments that JavaScript would take for comparisons",
      {
        "danubefile.ts": `class Build {}\nconst command = <T>(value) => value;
          export default ({ step }) => step.run(command<Build>("true"));`,
      },
      "danubefile.ts",
    ],
    [
      "beside another version of the SDK",
      {
        "danubefile.ts": `import { pipeline } from "@danube/sdk";\nexport default pipeline(({ step }) => step.run("true"));`,
        "node_modules/@danube/sdk/package.json": `{"type":"module","exports":"./index.js"}`,
        "node_modules/@danube/sdk/index.js": `export const pipeline = () => { throw new Error("the wrong one"); };`,
      },
      "danubefile.ts",
    ],
    [
      "with a package of the repository",
      {
        "danubefile.ts": `import a from "a";\nexport default ({ step }) => step.run(a);`,
        "node_modules/a/package.json": `{"main":"index.js"}`,
        "node_modules/a/index.js": `module.exports = "true";`,
      },
      "danubefile.ts",
    ],
    [
      "that knows the SDK's errors",
      {
        "danubefile.ts": `import { StepError } from "@danube/sdk";
          export default async ({ step }) => {
            try { await step.run("false"); } catch (error) { if (!(error instanceof StepError)) throw error; }
          };`,
      },
      "danubefile.ts",
    ],
  ])("%s", async (_what, files, script) => {
    expect(await run(files, script)).toEqual({ status: "success" });
  });
});
