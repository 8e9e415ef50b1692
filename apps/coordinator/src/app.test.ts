import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import {
  createTestControlPlane,
  type TestControlPlane,
  type TestControlPlaneOptions,
} from "./testing/test-control-plane.ts";

let controlPlane: TestControlPlane;
afterEach(() => controlPlane.close());

/** Runs a pipeline file to its end. */
async function run(file: string, options: TestControlPlaneOptions = {}) {
  controlPlane = await createTestControlPlane({ ...options, files: { "danubefile.ts": file, ...options.files } });
  const coordinator = await controlPlane.start();
  const code = await coordinator.ended;
  expect([code, coordinator.stderr()]).toEqual([0, ""]);
  return await controlPlane.outcome;
}

describe("a job", () => {
  it("runs its steps and reports that it runs, then how it ended", async () => {
    const outcome = await run(
      `
      import { pipeline } from "@danube/sdk";
      export default pipeline(async ({ step }) => {
        await step.run("printf 'a\\\\n'; echo b >&2; exit 0", { name: "Print" });
        await step.run(["sh", "-c", "echo $GREETING; pwd"], { env: { GREETING: "hello" }, cwd: "sub" });
      });`,
      { files: { "sub/file": "" } },
    );
    expect(outcome).toEqual({ status: "success" });
    expect(controlPlane.reports().map((report) => report.phase)).toEqual(["running", "finished"]);
    expect(controlPlane.steps().map((step) => step.output)).toEqual([
      "a\nb\n",
      `hello\n${join(controlPlane.workspace, "sub")}\n`,
    ]);
    expect(controlPlane.steps().map(({ request }) => request)).toMatchObject([
      { name: "Print", sequence: 1, attempt: 1, source: "danubefile.ts:4", capture: false },
      { sequence: 2, source: "danubefile.ts:5", command: { argv: ["sh", "-c", "echo $GREETING; pwd"] } },
    ]);
  });

  it("removes the token's file and the output that is stored, and keeps the claim", async () => {
    await run(`export default ({ step }) => step.run("echo a")`);
    const [step] = controlPlane.steps();
    expect(readdirSync(join(controlPlane.runDirectory, step?.request.stepId as string))).toEqual(["exit"]);
    expect(existsSync(join(controlPlane.workspace, "../own/sandbox.json"))).toBe(false);
  });

  it("gives the file its context, without credentials", async () => {
    const pullRequest = {
      number: 3,
      title: "t",
      action: "opened",
      headBranch: "h",
      baseBranch: "b",
      isFork: false,
    } as const;
    await run(
      `export default ({ ctx }) => { const { signal, ...rest } = ctx; console.log(JSON.stringify(rest), signal.aborted); }`,
      { context: { params: { level: 3 }, tag: "v1", pullRequest } },
    );
    const [json = "", aborted] = controlPlane.log().split(/ (?=false)/);
    expect(aborted).toBe("false\n");
    expect(JSON.parse(json)).toEqual({
      jobId: controlPlane.jobId,
      pipeline: "test",
      number: 7,
      attempt: 1,
      repo: "https://git.example/test.git",
      branch: "main",
      tag: "v1",
      pullRequest,
      triggerType: "push",
      params: { level: 3 },
      workspace: controlPlane.workspace,
    });
  });

  it("fails with the step's command, exit code and line", async () => {
    expect(
      await run(`export default async ({ step }) => {\n  await step.run("exit 3", { name: "Build" });\n};`),
    ).toEqual({
      status: "failure",
      reason: "step_failed",
      message: 'step "Build" failed with exit code 3 (danubefile.ts:2)',
      stepId: controlPlane.steps()[0]?.request.stepId,
    });
    expect(controlPlane.log()).toBe('danube: step "Build" failed with exit code 3 (danubefile.ts:2)\n');
  });

  it("fails when no exit was recorded, even for check: false and soft", async () => {
    const outcome = await run(
      `export default ({ step }) => step.run("echo a; kill -9 $$", { check: false, soft: true });`,
      { losesExitOf: "kill -9" },
    );
    expect(outcome).toMatchObject({
      status: "failure",
      message: expect.stringContaining("was lost: its machine died"),
    });
  });

  it("captures standard output, up to a limit that cuts no character", async () => {
    await run(`
      export default async ({ step }) => {
        const small = await step.run("echo captured; echo seen >&2", { capture: true });
        console.log(JSON.stringify(small));
        const big = await step.run("head -c 1048575 /dev/zero | tr '\\\\0' x; printf 'éé'", { capture: true });
        console.log(big.stdout.length, big.truncated, big.stdout.endsWith("x"));
      };`);
    expect(controlPlane.log()).toBe(
      '{"exitCode":0,"durationMs":1,"status":"success","stdout":"captured","truncated":false}\n1048575 true true\n',
    );
    const [small, big] = controlPlane.steps();
    expect([small?.output, Buffer.concat(small?.received.stdout ?? []).toString()]).toEqual(["seen\n", "captured\n"]);
    expect(Buffer.concat(big?.received.stdout ?? []).length).toBe(1_048_579);
  });

  it("is no success when what the file printed could not be stored", async () => {
    const file = `export default () => console.log("deployed");`;
    controlPlane = await createTestControlPlane({ files: { "danubefile.ts": file }, refusesLog: true });
    const coordinator = await controlPlane.start();
    expect(await controlPlane.outcome).toMatchObject({ status: "failure", reason: "infra_lost" });
    expect(await coordinator.ended).toBe(0);
  });

  it("puts what the file prints into the job's log before the steps that follow", async () => {
    await run(`
      export default async ({ step }) => {
        console.log("one");
        console.error("two é");
        process.stdout.write(Buffer.from("thr"));
        process.stdout.write("ee\\n");
        await step.run("echo step");
        console.log("four");
      };`);
    expect(controlPlane.log()).toBe("one\ntwo é\nthree\nfour\n");
  });

  it("reports groups with their places, and retries as steps of their own", async () => {
    const outcome = await run(`
      export default async ({ step }) => {
        await step.group("Outer", () => step.group("Inner", () =>
          step.run("test -e mark || { touch mark; exit 1; }", { retry: { attempts: 2 } })));
      };`);
    expect(outcome).toEqual({ status: "success" });
    expect(controlPlane.groups()).toEqual([
      { name: "Outer", status: "success", parentId: undefined },
      { name: "Inner", status: "success", parentId: expect.any(String) },
    ]);
    expect(controlPlane.steps().map(({ request }) => [request.sequence, request.attempt])).toEqual([
      [3, 1],
      [4, 2],
    ]);
  });

  it("gives secrets, and says where one was missing", async () => {
    const outcome = await run(
      `export default async ({ step, secrets }) => {
        await step.run("echo $A", { env: { A: await secrets.get("A") } });
        await secrets.get("B");
      };`,
      { secrets: { A: "value" } },
    );
    expect(controlPlane.steps()[0]?.output).toBe("value\n");
    expect(outcome).toMatchObject({
      reason: "pipeline_error",
      message: expect.stringMatching(/^secrets.get\("B"\): This pipeline has no secret "B"\. \(danubefile\.ts:3\)$/),
    });
  });

  it("runs steps side by side", async () => {
    const outcome = await run(`
      export default ({ step }) => step.parallel([
        () => step.run("mkfifo pipe 2>/dev/null; echo x > pipe"),
        () => step.run("while ! test -p pipe; do :; done; read -r x < pipe; echo $x"),
      ]);`);
    expect(outcome).toEqual({ status: "success" });
  });
});

describe("a prepared Coordinator", () => {
  it("waits for its sandbox file and then runs the job", async () => {
    controlPlane = await createTestControlPlane({
      files: { "danubefile.ts": `export default ({ step }) => step.run("echo a")` },
    });
    const coordinator = await controlPlane.start({ prepared: true });
    controlPlane.giveSandboxFile();
    expect(await controlPlane.outcome).toEqual({ status: "success" });
    expect(await coordinator.ended).toBe(0);
  });
});

describe("a refused job", () => {
  it("ends the Coordinator with a status of its own and the reason on its standard error", async () => {
    controlPlane = await createTestControlPlane();
    const coordinator = await controlPlane.start({ token: "of-another-job" });
    expect(await coordinator.ended).toBe(1);
    expect(coordinator.stderr()).toContain("Not this job's token.");
    expect(coordinator.stderr()).not.toContain("of-another-job");
  });
});

describe("a cancellation", () => {
  it("stops the running step, lets finally run a step, and ends as cancelled", async () => {
    controlPlane = await createTestControlPlane({
      files: {
        "danubefile.ts": `
          export default async ({ step, ctx }) => {
            try { await step.run("sleep 600"); }
            catch (error) { console.log(error.name, ctx.signal.reason.message); throw error; }
            finally { await step.run("echo cleaned"); }
          };`,
      },
    });
    const coordinator = await controlPlane.start();
    await controlPlane.launched("sleep");
    controlPlane.cancel("alice cancelled the job");
    expect(await controlPlane.outcome).toEqual({ status: "cancelled" });
    expect(controlPlane.log()).toBe("CancelledError alice cancelled the job\n");
    expect(controlPlane.steps()[1]?.output).toBe("cleaned\n");
    expect(controlPlane.steps()[1]?.request.timeoutMs).toBeLessThanOrEqual(5_000);
    expect(await coordinator.ended).toBe(0);
  });

  it("ends a file that waits for something else", async () => {
    controlPlane = await createTestControlPlane({
      files: {
        "danubefile.ts": `
          import { setTimeout } from "node:timers/promises";
          export default async ({ step, ctx }) => { await step.run("echo started"); await setTimeout(600_000, 0, ctx); };`,
      },
    });
    await controlPlane.start();
    const step = await controlPlane.launched("started");
    await step.launched.exited;
    controlPlane.cancel("superseded");
    expect(await controlPlane.outcome).toEqual({ status: "cancelled" });
  });
});
