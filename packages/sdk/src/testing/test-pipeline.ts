// Runs a pipeline in a unit test: the real rules of steps, groups, retries and outcomes, and no command at all.
import type { JobOutcome } from "@danube/protocol";
import type { Context } from "../context.ts";
import { type PipelineRun, startPipeline } from "../host/index.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Reply, ScriptedStep } from "./script.ts";
import { createScriptedExecutor, type ExecutedStep, type Rule, type ScriptedExecutor } from "./scripted-executor.ts";

/** How the job would have ended. */
export type TestOutcome =
  | { readonly status: "success" }
  | { readonly status: "cancelled" }
  | {
      readonly status: "failure";
      readonly reason: "step_failed" | "pipeline_error" | "infra_lost";
      /** One sentence, with file and line where there is one. */
      readonly message: string;
    };

/** One step that the pipeline ran. */
export interface RanStep extends ScriptedStep {
  readonly status: "running" | "success" | "failure" | "timeout" | "cancelled" | "lost";
  readonly exitCode: number | undefined;
  /** The names of the groups around it, outermost first. */
  readonly groups: readonly string[];
}

export interface RanArtifact {
  readonly name: string;
  readonly paths: readonly string[];
}

/** What a pipeline did. */
export interface TestRun {
  readonly outcome: TestOutcome;
  /** In the order of starting; each attempt by itself. */
  readonly steps: readonly RanStep[];
  /** The steps' commands, for a quick look. */
  readonly commands: readonly string[];
  readonly artifacts: readonly RanArtifact[];
  /** What the job's log would say beyond the steps' output. */
  readonly notes: readonly string[];
}

/** A pipeline about to be run in a test. Its methods add to it and return it. */
export interface TestedPipeline {
  /**
   * Says how a step ends: one whose command or name is `step`, or fits the expression or the function. With several replies
   * each time takes the next one, and the last one stays. Of several that fit, the one said last counts. A step of which
   * nothing is said succeeds.
   */
  on(
    step: string | RegExp | ((step: ScriptedStep) => boolean),
    ...replies: readonly (Reply | ((step: ScriptedStep) => Reply | Promise<Reply>))[]
  ): TestedPipeline;
  /** Lets `secrets.get(name)` resolve to `value`. */
  secret(name: string, value: string): TestedPipeline;
  /** Names the pipeline's workers; the first is the default one. By default there is one, `main`. */
  workers(...names: readonly string[]): TestedPipeline;
  /** Runs it once; what is not given of `ctx` has a plain value (a push to branch `main`). May be called again. */
  run(context?: Partial<Omit<Context, "signal">>): Promise<TestRun>;
}

/**
 * Tests a pipeline without a server.
 *
 * @example
 * ```ts
 * const run = await testPipeline(pipeline).on("npm test", { exitCode: 1 }).run({ branch: "main" });
 * expect(run.outcome.status).toBe("failure");
 * expect(run.commands).toEqual(["npm ci", "npm test"]);
 * ```
 */
export function testPipeline(pipeline: Pipeline): TestedPipeline {
  const rules: Rule[] = [];
  const secrets: Record<string, string> = {};
  let workers: readonly string[] = ["main"];
  const tested: TestedPipeline = {
    on(step, ...replies) {
      rules.push({ matches: toMatcher(step), replies });
      return tested;
    },
    secret(name, value) {
      secrets[name] = value;
      return tested;
    },
    workers(...names) {
      workers = names;
      return tested;
    },
    async run(context = {}) {
      return await runOnce(pipeline, { rules, secrets, workers, context });
    },
  };
  return tested;
}

interface TestSetup {
  readonly rules: readonly Rule[];
  readonly secrets: Readonly<Record<string, string>>;
  readonly workers: readonly string[];
  readonly context: Partial<Omit<Context, "signal">>;
}

async function runOnce(pipeline: Pipeline, { rules, secrets, workers, context }: TestSetup): Promise<TestRun> {
  const notes: string[] = [];
  const newId = createTestIds();
  const executor = createScriptedExecutor({ rules, secrets, newId });
  const run: PipelineRun = startPipeline({
    pipeline,
    context: { ...defaultContext(newId()), ...context },
    workers,
    cancelGraceMs: 10_000,
    executor,
    newId,
    note: (text) => notes.push(text),
    // A test does not wait between attempts.
    sleep: async (_ms, signal) => signal.throwIfAborted(),
  });
  const outcome = await run.outcome;
  return {
    outcome: withoutStepId(outcome),
    steps: executor.steps.map((executed) => toRanStep(executed, executor)),
    commands: executor.steps.map(({ step }) => step.command),
    artifacts: executor.uploads,
    notes,
  };
}

function toMatcher(step: string | RegExp | ((step: ScriptedStep) => boolean)): (step: ScriptedStep) => boolean {
  if (typeof step === "function") return step;
  if (typeof step === "string") return ({ command, name }) => command === step || name === step;
  return ({ command }) => command.search(step) !== -1;
}

function toRanStep({ step, request, result }: ExecutedStep, executor: ScriptedExecutor): RanStep {
  const groups: string[] = [];
  for (let id = request.parentId; id !== undefined; ) {
    const group = executor.groups.get(id);
    if (group !== undefined) groups.unshift(group.name);
    id = group?.parentId;
  }
  return { ...step, status: result?.status ?? "running", exitCode: result?.exitCode, groups };
}

function withoutStepId(outcome: JobOutcome): TestOutcome {
  if (outcome.status !== "failure") return outcome;
  const { stepId: _stepId, ...rest } = outcome;
  return rest;
}

function defaultContext(jobId: string): Omit<Context, "signal"> {
  return {
    jobId,
    pipeline: "test",
    number: 1,
    attempt: 1,
    repo: "https://git.example/test.git",
    commitSha: "0123456789abcdef0123456789abcdef01234567",
    branch: "main",
    triggerType: "push",
    triggerRef: "refs/heads/main",
    params: {},
    workspace: "/workspace",
  };
}

/** The same ids in every run. */
function createTestIds(): () => string {
  let last = 0;
  return () => `00000000-0000-7000-8000-${(++last).toString(16).padStart(12, "0")}`;
}
