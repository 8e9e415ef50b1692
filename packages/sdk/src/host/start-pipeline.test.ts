import { describe, expect, it } from "vitest";
import { CancelledError, ParallelError, StepError } from "../errors.ts";
import type { Pipeline, PipelineApi } from "../pipeline.ts";
import { testPipeline } from "../testing/index.ts";
import type { Reply } from "../testing/script.ts";
import { createScriptedExecutor } from "../testing/scripted-executor.ts";
import { startPipeline } from "./start-pipeline.ts";

const here = String.raw`start-pipeline\.test\.ts:\d+`;
const outcomeOf = async (pipeline: Pipeline) => (await testPipeline(pipeline).run()).outcome;
const caught = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(undefined, (error: unknown) => error);

/** Runs `use` within a pipeline and returns what it returned. */
async function within<T>(use: (api: PipelineApi) => Promise<T> | T, replies: Record<string, Reply> = {}): Promise<T> {
  let value: { value: T } | undefined;
  const tested = testPipeline(async (api) => {
    value = { value: await use(api) };
  });
  for (const [step, reply] of Object.entries(replies)) tested.on(step, reply);
  const run = await tested.run();
  if (value === undefined) throw new Error(`the pipeline ended otherwise: ${JSON.stringify(run.outcome)}`);
  return value.value;
}

describe("the outcome", () => {
  it("is success when the function returns, async or not", async () => {
    expect(await outcomeOf(() => 1)).toEqual({ status: "success" });
    expect(await outcomeOf(async ({ step }) => void (await step.run("true")))).toEqual({ status: "success" });
    expect(await outcomeOf(({ step }) => step.run("true"))).toEqual({ status: "success" });
  });

  it("is step_failed with command, exit code and place when a step failed", async () => {
    const run = await testPipeline(({ step }) => step.run("make", { name: "Build" }))
      .on("make", { exitCode: 2 })
      .run();
    expect(run.outcome).toEqual({
      status: "failure",
      reason: "step_failed",
      message: expect.stringMatching(new RegExp(`^step "Build" failed with exit code 2 \\(${here}\\)$`)),
    });
  });

  it("is step_failed when the step's error was wrapped", async () => {
    const run = await testPipeline(async ({ step }) => {
      await step.run("make").catch((cause: unknown) => {
        throw new Error("no release today", { cause });
      });
    })
      .on("make", { exitCode: 2 })
      .run();
    expect(run.outcome).toMatchObject({ reason: "step_failed", message: expect.stringMatching(/^no release today/) });
  });

  it("is pipeline_error with file and line when the file threw, and the stack is noted", async () => {
    const run = await testPipeline(() => {
      throw new TypeError("this is\nno good");
    }).run();
    expect(run.outcome).toEqual({
      status: "failure",
      reason: "pipeline_error",
      message: expect.stringMatching(new RegExp(`^TypeError: this is no good \\(${here}\\)$`)),
    });
    expect(run.notes.join("\n")).toContain("at ");
  });

  it.each([
    ["nothing", undefined, "the pipeline threw undefined, which is not an Error"],
    ["a string", "oh", "the pipeline threw 'oh', which is not an Error"],
  ])("is pipeline_error when the file threw %s", async (_what, value, message) => {
    expect(await outcomeOf(() => Promise.reject(value))).toMatchObject({ reason: "pipeline_error", message });
  });

  it("is a failure when a step was not awaited, whether it succeeded, failed or goes on", async () => {
    for (const reply of [{}, { exitCode: 1 }, () => new Promise<Reply>(() => undefined)]) {
      const run = await testPipeline(async ({ step }) => {
        void step.run("make", { name: "x" });
        await step.run("true");
        await step.run("true");
      })
        .on("make", reply)
        .run();
      expect(run.outcome).toEqual({
        status: "failure",
        reason: "pipeline_error",
        message: expect.stringMatching(new RegExp(`^step "x" was started at ${here} and not awaited$`)),
      });
    }
  });

  it("is a failure when a group's function forgot its steps", async () => {
    expect(await outcomeOf(({ step }) => step.group("g", () => void step.run("make")))).toMatchObject({
      message: expect.stringMatching(/^step "make" was started at .* and not awaited$/),
    });
  });

  it("is a failure when a group, a parallel block or an upload was not awaited", async () => {
    expect(await outcomeOf(({ step }) => void step.group("g", () => 1))).toMatchObject({
      message: expect.stringMatching(/^group "g" was/),
    });
    expect(await outcomeOf(({ step }) => void step.parallel([]))).toMatchObject({
      message: expect.stringMatching(/^step.parallel was/),
    });
    expect(await outcomeOf(({ artifacts }) => void artifacts.upload("a"))).toMatchObject({
      message: expect.stringMatching(/^artifacts.upload of "a" was/),
    });
  });

  it("does not wait for steps that a failed Promise.all left running, and names them", async () => {
    const run = await testPipeline(async ({ step }) => {
      await Promise.all([step.run("slow"), step.run("broken")]);
    })
      .on("slow", () => new Promise<Reply>(() => undefined))
      .on("broken", { exitCode: 1 })
      .run();
    expect(run.outcome).toMatchObject({ reason: "step_failed", message: expect.stringContaining("broken") });
    expect(run.notes.join("\n")).toMatch(/^step "slow" was started at .* and was still running/);
  });

  it("is not changed by what the function left behind", async () => {
    let late: Promise<unknown> | undefined;
    const run = await testPipeline(({ step }) => {
      late = new Promise((resolve) => setImmediate(resolve)).then(() =>
        new Promise((resolve) => setImmediate(resolve)).then(() => step.run("late")),
      );
    }).run();
    await expect(late).rejects.toThrow("has ended");
    expect(run.commands).toEqual([]);
  });
});

describe("step.run", () => {
  it("throws a StepError that knows everything about the step", async () => {
    const error = await within(({ step }) => caught(step.run(["make", "all x"], { name: "Build", capture: true })), {
      Build: { exitCode: 2, stdout: "half\n", durationMs: 5 },
    });
    expect(error).toBeInstanceOf(StepError);
    expect(error).toMatchObject({
      stepName: "Build",
      command: "make 'all x'",
      exitCode: 2,
      status: "failure",
      durationMs: 5,
      attempt: 1,
      stdout: "half",
      location: expect.stringMatching(new RegExp(`^${here}$`)),
    });
  });

  it("returns the exit code with check: false, but not of a timeout or a lost step", async () => {
    const options = { check: false };
    const make = ({ step }: PipelineApi) => caught(step.run("make", options));
    expect(await within(make, { make: { exitCode: 3 } })).toEqual({ exitCode: 3, durationMs: 0, status: "failure" });
    expect(await within(make, { make: { ends: "timeout" } })).toMatchObject({ name: "StepError", status: "timeout" });
    expect(await within(make, { make: { ends: "lost" } })).toMatchObject({ name: "StepError", status: "lost" });
  });

  it("goes on after a soft step failed or took too long, but never after a lost one", async () => {
    const make = ({ step }: PipelineApi) => caught(step.run("make", { soft: true }));
    expect(await within(make, { make: { exitCode: 3 } })).toMatchObject({ exitCode: 3, status: "failure" });
    expect(await within(make, { make: { ends: "timeout" } })).toMatchObject({ exitCode: 143, status: "timeout" });
    expect(await within(make, { make: { ends: "lost" } })).toMatchObject({ name: "StepError", status: "lost" });
  });

  it.each([
    ["a\n", "a"],
    ["a\r\n", "a"],
    ["a\n\n", "a\n"],
    ["\n", ""],
    ["", ""],
    [" a ", " a "],
  ])("captures %j without its final line break", async (stdout, expected) => {
    const result = await within(({ step }) => step.run("a", { capture: true }), { a: { stdout } });
    expect(result).toEqual({ exitCode: 0, durationMs: 0, status: "success", stdout: expected, truncated: false });
  });

  it.each([
    ["everything by default", undefined, { exitCode: 1 }, 3],
    ["this exit code", [1], { exitCode: 1 }, 3],
    ["not another exit code", 2, { exitCode: 1 }, 1],
    ["infrastructure", "infra", { ends: "lost" }, 3],
    ["not a failure when only timeouts count", "timeout", { exitCode: 1 }, 1],
    ["a timeout", ["timeout", 2], { ends: "timeout" }, 3],
  ] as const)("tries again on %s", async (_what, on, reply: Reply, attempts) => {
    const pipeline: Pipeline = ({ step }) => step.run("make", { retry: { attempts: 3, delay: "1h", on } });
    const run = await testPipeline(pipeline).on("make", reply).run();
    expect(run.steps.map(({ attempt }) => attempt)).toEqual([1, 2, 3].slice(0, attempts));
    expect(run.outcome.status).toBe("failure");
  });

  it("sends what the protocol needs, and nothing by an option that was not given", async () => {
    const run = await testPipeline(async ({ step }) => {
      await step.run("a");
      await step.run("b", { cwd: "/workspace/x/../y", timeout: "1.5m", env: { N: 1, T: true }, worker: "e2e" });
    })
      .workers("main", "e2e")
      .run();
    expect(run.steps).toEqual([
      expect.objectContaining({
        command: "a",
        name: "a",
        env: {},
        cwd: undefined,
        timeoutMs: undefined,
        worker: undefined,
      }),
      expect.objectContaining({ cwd: "y", timeoutMs: 90_000, env: { N: "1", T: "true" }, worker: "e2e" }),
    ]);
  });

  it.each<[string, (api: PipelineApi) => unknown, RegExp]>([
    ["an unknown option", ({ step }) => step.run("a", { chekc: false } as object), /no option "chekc"; it has name/],
    ["an unknown worker", ({ step }) => step.run("a", { worker: "gpu" }), /no worker "gpu"; this pipeline has main/],
    ["a wrong duration", ({ step }) => step.run("a", { timeout: "10 minutes" }), /"timeout" is wrong: "10 minutes"/],
    ["a timeout of nothing", ({ step }) => step.run("a", { timeout: 0 }), /must be more than 0/],
    ["a directory outside", ({ step }) => step.run("a", { cwd: "../x" }), /within the workspace, not "..\/x"/],
    ["an absolute directory outside", ({ step }) => step.run("a", { cwd: "/etc" }), /within the workspace/],
    ["a variable that is undefined", ({ step }) => step.run("a", { env: { A: undefined as never } }), /"A" must be a/],
    ["an empty command", ({ step }) => step.run(" "), /command is empty/],
    [
      "words without an array",
      ({ step }) => (step.run as (...words: unknown[]) => void)("a", {}, "b"),
      /into an array/,
    ],
    ["no attempts", ({ step }) => step.run("a", { retry: { attempts: 0 } }), /whole number from 1, not 0/],
    ["a wrong condition", ({ step }) => step.run("a", { retry: { attempts: 2, on: 0 } }), /exit code from 1/],
    ["a promise in parallel", ({ step }) => step.parallel([Promise.resolve() as never]), /write \(\) => step.run/],
    ["a secret's odd name", ({ secrets }) => secrets.get("a b"), /"a b": a secret's name must be/],
    ["an artifact's odd name", ({ artifacts }) => artifacts.upload("x", { name: "../x" }), /cannot name an artifact/],
    ["paths without a name", ({ artifacts }) => artifacts.upload(["a", "b"]), /several paths needs a name/],
  ])("throws a TypeError with a sentence for %s", async (_what, use, message) => {
    const run = await testPipeline(use).run();
    expect(run.outcome).toMatchObject({ reason: "pipeline_error", message: expect.stringMatching(message) });
    expect(run.outcome).toMatchObject({ message: expect.stringMatching(/^TypeError: /) });
    expect(run.commands).toEqual([]);
  });

  it("says where a step stands that could not be run at all", async () => {
    const executor = createScriptedExecutor({ rules: [], secrets: {}, newId: () => "x" });
    const runStep = () => Promise.reject(new Error("the command is too long"));
    const run = startPipeline({ ...base({ ...executor, runStep }), pipeline: ({ step }) => step.run("make") });
    expect(await run.outcome).toMatchObject({
      reason: "pipeline_error",
      message: expect.stringMatching(
        new RegExp(`^step "make" could not be run: the command is too long \\(${here}\\)$`),
      ),
    });
  });

  it("quotes the values of its tag", async () => {
    const run = await testPipeline(({ step }) => step.run`npm test -- ${"a b"}`).run();
    expect(run.commands).toEqual(["npm test -- 'a b'"]);
  });

  it("names a step after the first line of its command, shortened", async () => {
    const run = await testPipeline(({ step }) => step.run(`\n  echo ${"x".repeat(200)}\nsecond`)).run();
    expect(run.steps[0]?.name).toBe(`echo ${"x".repeat(114)}…`);
  });
});

describe("step.group", () => {
  it("returns the function's value and nests, also side by side", async () => {
    const run = await testPipeline(async ({ step }) => {
      const values = await step.parallel([
        () => step.group("a", () => step.group("b", async () => (await step.run("1")).exitCode)),
        () => step.group("c", async () => void (await step.run("2"))),
        async () => "plain",
      ]);
      expect(values).toEqual([0, undefined, "plain"]);
      await step.run("3");
    }).run();
    expect(run.outcome).toEqual({ status: "success" });
    expect(Object.fromEntries(run.steps.map(({ command, groups }) => [command, groups]))).toEqual({
      "1": ["a", "b"],
      "2": ["c"],
      "3": [],
    });
  });

  it("is reported from its start to its end, whatever that is", async () => {
    const executor = createScriptedExecutor({ rules: [], secrets: {}, newId: () => "x" });
    const reports: string[] = [];
    await startPipeline({
      ...base(executor),
      executor: { ...executor, reportGroup: async ({ name, status }) => void reports.push(`${name} ${status}`) },
      pipeline: async ({ step }) => {
        await step.group("a", () => step.run("true"));
        await step.group("b", () => Promise.reject(new Error("no")));
      },
    }).outcome;
    expect(reports).toEqual(["a running", "a success", "b running", "b failure"]);
  });
});

describe("step.parallel", () => {
  it("waits for everything it started before it throws the only failure", async () => {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    const run = await testPipeline(async ({ step }) => {
      const error = await caught(step.parallel([() => step.run("broken"), () => step.run("slow")]));
      expect(error).toBeInstanceOf(StepError);
    })
      .on("broken", () => {
        setImmediate(() => resolve({}));
        return { exitCode: 1 };
      })
      .on("slow", () => promise)
      .run();
    expect(run.outcome).toEqual({ status: "success" });
    expect(run.steps.map(({ status }) => status)).toEqual(["failure", "success"]);
  });

  it("throws all failures together, the first one as the cause", async () => {
    const error = await within(
      ({ step }) => caught(step.parallel([() => step.run("a"), () => step.run("b"), () => step.run("c")])),
      { a: { exitCode: 1 }, c: { exitCode: 2 } },
    );
    expect(error).toBeInstanceOf(ParallelError);
    const { errors, cause, message } = error as ParallelError;
    expect(errors.map((each: StepError) => each.stepName)).toEqual(["a", "c"]);
    expect(cause).toBe(errors[0]);
    expect(message).toMatch(/^2 of 3 failed: step "a" failed .*; step "c" failed/);
  });

  it("keeps to its limit and starts in order", async () => {
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const work = (index: number) => async () => {
      order.push(index);
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    };
    await within(({ step }) => step.parallel([0, 1, 2, 3, 4].map(work), { limit: 2 }));
    expect([most, order]).toEqual([2, [0, 1, 2, 3, 4]]);
  });

  it("runs all by default and, with failFast, starts nothing after a failure", async () => {
    const pipeline =
      (failFast: boolean): Pipeline =>
      ({ step }) =>
        step.parallel(
          ["a", "b", "c"].map((command) => () => step.run(command)),
          { limit: 1, failFast },
        );
    expect((await testPipeline(pipeline(false)).on("a", { exitCode: 1 }).run()).commands).toEqual(["a", "b", "c"]);
    expect((await testPipeline(pipeline(true)).on("a", { exitCode: 1 }).run()).commands).toEqual(["a"]);
  });
});

describe("a cancellation", () => {
  it("aborts the signal, rejects running steps at their end and lets finally run steps within the grace", async () => {
    let nowMs = 0;
    const { promise: ended, resolve: end } = Promise.withResolvers<Reply>();
    const executor = createScriptedExecutor({
      rules: [{ matches: ({ command }) => command === "work", replies: [() => ended] }],
      secrets: {},
      newId: () => "x",
    });
    const errors: unknown[] = [];
    const run = startPipeline({
      ...base(executor),
      cancelGraceMs: 100,
      monotonicMs: () => nowMs,
      pipeline: async ({ step, ctx }) => {
        try {
          await step.run("work", { retry: { attempts: 5 } });
        } catch (error) {
          errors.push(error, ctx.signal.reason);
        } finally {
          nowMs = 40;
          await step.run("clean", { timeout: "1h" });
          nowMs = 100;
          await step.run("too late");
        }
      },
    });
    run.cancel("alice cancelled the job");
    end({}); // even a success no longer counts
    expect(await run.outcome).toEqual({ status: "cancelled" });
    expect(errors).toEqual([expect.any(CancelledError), expect.any(CancelledError)]);
    expect(executor.steps.map(({ step }) => [step.command, step.timeoutMs])).toEqual([
      ["work", undefined],
      ["clean", 60],
    ]);
  });

  it("is learnt from a step that was cancelled, too", async () => {
    const run = await testPipeline(async ({ step, ctx }) => {
      await caught(step.run("a"));
      expect(ctx.signal.aborted).toBe(true);
    })
      .on("a", { ends: "cancelled" })
      .run();
    expect(run.outcome).toEqual({ status: "cancelled" });
  });

  it("starts nothing more of a parallel block", async () => {
    const pipeline: Pipeline = ({ step }) =>
      step.parallel(
        ["a", "b"].map((command) => () => step.run(command)),
        { limit: 1 },
      );
    const run = await testPipeline(pipeline).on("a", { ends: "cancelled" }).run();
    expect([run.outcome, run.commands]).toEqual([{ status: "cancelled" }, ["a"]]);
  });
});

function base(executor: ReturnType<typeof createScriptedExecutor>) {
  return {
    executor,
    context: {
      jobId: "x",
      pipeline: "test",
      number: 1,
      attempt: 1,
      repo: "",
      triggerType: "manual" as const,
      params: {},
      workspace: "/workspace",
    },
    workers: ["main"],
    cancelGraceMs: 1_000,
    newId: () => "x",
    note: () => undefined,
  };
}
