import { describe, expect, it } from "vitest";
import { pipeline } from "../pipeline.ts";
import { testPipeline } from "./test-pipeline.ts";

const release = pipeline(async ({ step, ctx, secrets, artifacts }) => {
  await step.group("Check", () =>
    step.parallel([
      () => step.run("npm run lint"),
      () => step.run("npm test", { retry: { attempts: 2, delay: "1h" } }),
    ]),
  );
  if (ctx.branch !== "main") return;
  const { stdout } = await step.run(["node", "-p", "1 + 1"], { name: "Add", capture: true });
  await step.sh({ env: { TOKEN: await secrets.get("TOKEN") } })`./publish ${stdout}`;
  await artifacts.upload("dist/");
});

describe("testPipeline", () => {
  it("tells which steps ran, with what, and how the job ended", async () => {
    const run = await testPipeline(release).on("Add", { stdout: "a b\n" }).secret("TOKEN", "t").run();
    expect(run.outcome).toEqual({ status: "success" });
    expect(run.commands).toEqual(["npm run lint", "npm test", "node -p '1 + 1'", "./publish 'a b'"]);
    expect(run.steps[0]).toMatchObject({ name: "npm run lint", groups: ["Check"], status: "success", attempt: 1 });
    expect(run.steps[3]).toMatchObject({ env: { TOKEN: "t" }, groups: [] });
    expect(run.artifacts).toEqual([{ name: "dist", paths: ["dist/"] }]);
  });

  it("lets a test choose branch and exit codes, one for each attempt", async () => {
    const run = await testPipeline(release).on("npm test", { exitCode: 1 }, { exitCode: 0 }).run({ branch: "topic" });
    expect(run.outcome.status).toBe("success");
    expect(run.steps.map(({ command, attempt, exitCode }) => [command, attempt, exitCode])).toEqual([
      ["npm run lint", 1, 0],
      ["npm test", 1, 1],
      ["npm test", 2, 0],
    ]);
  });

  it("tells a failure as a job would", async () => {
    const run = await testPipeline(release).on(/test/, { exitCode: 3 }).run();
    expect(run.outcome).toEqual({
      status: "failure",
      reason: "step_failed",
      message: expect.stringMatching(/^step "npm test" failed with exit code 3 \(test-pipeline\.test\.ts:\d+\)$/),
    });
  });

  it("takes the rule that was said last", async () => {
    const tested = testPipeline(({ step }) => step.run("make"))
      .on(/./, { exitCode: 1 })
      .on("make", { exitCode: 0 });
    expect((await tested.run()).outcome.status).toBe("success");
  });

  it("asks a function for its reply", async () => {
    const tested = testPipeline(({ step }) => step.run("make", { env: { A: 1 } })).on(
      (step) => step.env["A"] === "1",
      ({ command }) => ({ exitCode: command === "make" ? 7 : 0 }),
    );
    expect((await tested.run()).steps[0]?.exitCode).toBe(7);
  });

  it("refuses a secret that the test does not give", async () => {
    const run = await testPipeline(({ secrets }) => secrets.get("NOPE")).run();
    expect(run.outcome).toMatchObject({
      reason: "pipeline_error",
      message: expect.stringContaining('no secret "NOPE"'),
    });
  });
});
