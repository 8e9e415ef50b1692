// The executor of a unit test: no command runs, every step gets a scripted reply.
import { createHash } from "node:crypto";
import type { StepResult as StepOutcome } from "@danube/protocol";
import type { Artifact } from "../artifacts.ts";
import { commandText } from "../host/command.ts";
import type { GroupReport, StepEnd, StepExecutor, StepRequest } from "../host/index.ts";
import type { Reply, ScriptedStep } from "./script.ts";

export interface Rule {
  readonly matches: (step: ScriptedStep) => boolean;
  /** One for each time; the last one from then on. */
  readonly replies: readonly (Reply | ((step: ScriptedStep) => Reply | Promise<Reply>))[];
}

export interface ExecutedStep {
  readonly request: StepRequest;
  readonly step: ScriptedStep;
  result?: StepOutcome;
}

export interface ScriptedExecutor extends StepExecutor {
  readonly steps: readonly ExecutedStep[];
  readonly groups: ReadonlyMap<string, GroupReport>;
  readonly uploads: readonly { readonly name: string; readonly paths: readonly string[] }[];
}

export function createScriptedExecutor(options: {
  readonly rules: readonly Rule[];
  readonly secrets: Readonly<Record<string, string>>;
  readonly newId: () => string;
}): ScriptedExecutor {
  const steps: ExecutedStep[] = [];
  const groups = new Map<string, GroupReport>();
  const uploads: { name: string; paths: readonly string[] }[] = [];
  const artifacts = new Map<string, Artifact>();
  const uses = new Map<Rule, number>();

  const replyTo = async (step: ScriptedStep): Promise<Reply> => {
    // The last rule that fits counts, so that a test can refine what a shared set-up says.
    const rule = options.rules.findLast((rule) => rule.matches(step));
    if (!rule) return {};
    const use = uses.get(rule) ?? 0;
    uses.set(rule, use + 1);
    const reply = rule.replies[Math.min(use, rule.replies.length - 1)] ?? {};
    return typeof reply === "function" ? await reply(step) : reply;
  };

  return {
    steps,
    groups,
    uploads,
    async runStep(request): Promise<StepEnd> {
      const step = toScriptedStep(request);
      const executed: ExecutedStep = { request, step };
      steps.push(executed);
      const reply = await replyTo(step);
      executed.result = toResult(reply);
      return { result: executed.result, stdout: { text: reply.stdout ?? "", truncated: false } };
    },
    async reportGroup(report) {
      groups.set(report.stepId, report);
    },
    async getSecret(name) {
      const value = options.secrets[name];
      if (value === undefined) throw new Error(`There is no secret "${name}" in this test; give it with .secret().`);
      return value;
    },
    async uploadArtifact({ name, paths }) {
      if (artifacts.has(name)) throw new Error(`There is an artifact "${name}" already.`);
      uploads.push({ name, paths });
      const sha256 = createHash("sha256").update(name).digest("hex");
      const artifact: Artifact = { id: options.newId(), name, fileName: name, sizeBytes: 0, sha256 };
      artifacts.set(name, artifact);
      return artifact;
    },
    async downloadArtifact({ name }) {
      const artifact = artifacts.get(name);
      if (artifact === undefined) throw new Error(`There is no artifact "${name}".`);
      return artifact;
    },
  };
}

function toScriptedStep(request: StepRequest): ScriptedStep {
  const { name, worker, env, cwd, timeoutMs, attempt } = request;
  return { command: commandText(request.command), name, worker, env, cwd, timeoutMs, attempt };
}

function toResult(reply: Reply): StepOutcome {
  const durationMs = reply.durationMs ?? 0;
  if (reply.ends === "lost") return { status: "lost", durationMs };
  const exitCode = reply.exitCode ?? (reply.ends === undefined ? 0 : 143);
  if (reply.ends !== undefined) return { status: reply.ends, exitCode, durationMs };
  return { status: exitCode === 0 ? "success" : "failure", exitCode, durationMs };
}
