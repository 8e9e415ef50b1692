// Runs every scenario of e2e/scenarios on a real `danube up`: a real push, a real signed webhook, real processes.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { JobDetail } from "@danube/protocol";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { createBlueprint } from "../harness/blueprint.ts";
import { type DanubeUp, startDanubeUp, webhookSecret } from "../harness/danube-up.ts";
import { createGitRepository, type GitRepository } from "../harness/git-repository.ts";
import { processesOfJob } from "../harness/job-processes.ts";
import { deliver, githubPush } from "../harness/webhook.ts";

const Scenario = z.strictObject({
  title: z.string(),
  /** What the pipeline's Blueprint spec needs beside the repository. */
  pipeline: z.record(z.string(), z.unknown()).default({}),
  secrets: z.record(z.string(), z.string()).default({}),
  /** The pipeline file's text where it cannot stand as a file of this repository; null for none. */
  script: z.string().nullable().optional(),
  cancelWhenLogHas: z.string().optional(),
  status: z.string(),
  reason: z.string().optional(),
  /** A regular expression that the job's sentence must match. */
  message: z.string().optional(),
  steps: z.array(z.strictObject({ name: z.string(), status: z.string(), exitCode: z.number().optional() })).default([]),
  /** The exact log; or its bytes; or its lines in any order; or its digest. */
  log: z.string().optional(),
  logBase64: z.string().optional(),
  logLines: z.array(z.string()).optional(),
  logSha256Of: z.strictObject({ repeat: z.string(), count: z.number(), end: z.string() }).optional(),
});

const directory = fileURLToPath(new URL("../scenarios", import.meta.url));
const scenarios = readdirSync(directory).map((name) => {
  const scenario = Scenario.parse(JSON.parse(readFileSync(join(directory, name, "scenario.json"), "utf8")));
  const file = join(directory, name, "danubefile.ts");
  const script = existsSync(file) ? readFileSync(file, "utf8") : scenario.script;
  return { name, script, ...scenario };
});

describe("scenarios on the local runtime", () => {
  let danube: DanubeUp;
  const repositories = new Map<string, GitRepository>();

  beforeAll(async () => {
    for (const { name, script } of scenarios) {
      const repository = createGitRepository(name);
      repository.push({ "README.md": `${name}\n`, ...(typeof script === "string" ? { "danubefile.ts": script } : {}) });
      repositories.set(name, repository);
    }
    const specs = scenarios.map(
      ({ name, pipeline }) => [name, { repository: repositories.get(name)?.url ?? "", ...pipeline }] as const,
    );
    danube = await startDanubeUp({ blueprintUrl: createBlueprint(Object.fromEntries(specs)).url });
    for (const { name, secrets } of scenarios) {
      for (const [secret, value] of Object.entries(secrets)) await danube.api.setSecret(secret, value, name);
    }
  });
  afterAll(() => danube?.stop());

  it.for(scenarios)("$name: $title", async (scenario) => {
    const repository = repositories.get(scenario.name) as GitRepository;
    const answer = await deliver(danube.url, githubPush(repository, webhookSecret));
    expect(answer).toMatchObject({ status: 202, body: { status: "accepted" } });
    const { id } = await danube.api.jobWhere((job) => job.pipelineName === scenario.name);
    if (scenario.cancelWhenLogHas !== undefined) await cancelWhen(danube, id, scenario.cancelWhenLogHas);
    await danube.api.jobEnd(id);

    const job = await danube.api.job(id);
    const log = withoutCheckout(await danube.api.log(id));
    const told = `${job.message ?? ""}\n${log.subarray(0, 2_000).toString()}`;
    expect(job.status, told).toBe(scenario.status);
    expect(job.reason, told).toBe(scenario.reason);
    if (scenario.message !== undefined) expect(job.message).toMatch(new RegExp(scenario.message));
    for (const expected of scenario.steps) expect(job.steps).toContainEqual(expect.objectContaining(expected));
    expectLog(scenario, log);
    expectWhole(job);
    await vi.waitFor(() => expect(processesOfJob(id)).toEqual([]), { timeout: 10_000 });
  });
});

async function cancelWhen(danube: DanubeUp, jobId: string, text: string): Promise<void> {
  let seen = "";
  for await (const event of danube.api.logEvents(jobId)) {
    if (event.event === "log") seen += event.data.text;
    if (!seen.includes(text)) continue;
    const answer = await danube.api.send("POST", `/api/v1/jobs/${jobId}/cancel`, {});
    expect(answer.status).toBe(200);
    return;
  }
}

/** The log after the line that names the commit, if it came to a checkout. */
function withoutCheckout(log: Buffer): Buffer {
  return log.toString("latin1", 0, 8) === "danube: " ? log.subarray(log.indexOf("\n") + 1) : log;
}

function expectLog(scenario: z.infer<typeof Scenario>, log: Buffer): void {
  if (scenario.log !== undefined) expect(log.toString()).toBe(scenario.log);
  if (scenario.logBase64 !== undefined) expect(log.toString("base64")).toBe(scenario.logBase64);
  if (scenario.logLines !== undefined)
    expect(log.toString().split("\n").slice(0, -1).sort()).toEqual([...scenario.logLines].sort());
  if (scenario.logSha256Of !== undefined) {
    const { repeat, count, end } = scenario.logSha256Of;
    const expected = createHash("sha256").update(repeat.repeat(count)).update(end).digest("hex");
    expect(createHash("sha256").update(log).digest("hex"), `${log.length} bytes`).toBe(expected);
  }
}

/** What holds of every job that has ended, whatever happened to it. */
function expectWhole(job: JobDetail): void {
  expect(job.finishedAt).toBeDefined();
  if (job.status !== "success") expect([job.reason, job.message]).not.toContain(undefined);
  for (const step of job.steps) {
    expect(step.status).not.toBe("running");
    expect(step.finishedAt).toBeDefined();
  }
}
