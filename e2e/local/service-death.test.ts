// The death of a service is invisible to a running job: same log bytes, same exit code, one execution.
// Compared with a run that nobody disturbed, for each service and at several places of the same step.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createBlueprint } from "../harness/blueprint.ts";
import {
  type DanubeServices,
  type ServiceName,
  serviceNames,
  startDanubeServices,
} from "../harness/danube-services.ts";
import { webhookSecret } from "../harness/danube-up.ts";
import { createGitRepository, type GitRepository } from "../harness/git-repository.ts";
import { processesOfJob } from "../harness/job-processes.ts";
import { deliver, githubPush } from "../harness/webhook.ts";

const executions = join(mkdtempSync(join(tmpdir(), "danube-count-")), "executions");
const lines = 400;
// Prints whole lines, halves of lines, a secret in two pieces, and something on standard error, for about three seconds.
const command = `echo $DANUBE_JOB_ID >> ${executions}; i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); printf "line $i "; printf 'sec'; echo "ret-value-$i" >&2; echo ret-value; sleep 0.005; done; exit 7`;
const script = `import { pipeline } from "@danube/sdk";

export default pipeline(async ({ step }) => {
  await step.run("echo first");
  const { exitCode } = await step.run(${JSON.stringify(command)}, { name: "Long", check: false });
  await step.run(["echo", "exit code " + exitCode]);
});
`;

describe("a service that dies in the middle of a step", () => {
  let danube: DanubeServices;
  let repository: GitRepository;
  let undisturbed: Buffer;

  beforeAll(async () => {
    repository = createGitRepository("long");
    repository.push({ "danubefile.ts": script });
    danube = await startDanubeServices({ blueprintUrl: createBlueprint({ long: { repository: repository.url } }).url });
    await danube.api.setSecret("VALUE", "secret-value", "long");
    const jobId = await startJob();
    await danube.api.jobEnd(jobId);
    undisturbed = withoutCheckout(await danube.api.log(jobId));
    expect(undisturbed.toString()).toContain(`line ${lines} `);
    expect(undisturbed.toString()).not.toContain("secret-value");
    expect(undisturbed.toString().endsWith("exit code 7\n")).toBe(true);
  });
  afterAll(() => danube?.stop());

  async function startJob(): Promise<string> {
    const sha = repository.push({ "count.txt": `${Date.now()}` });
    const answer = await deliver(danube.url, githubPush(repository, webhookSecret, { sha }));
    expect(answer.status).toBe(202);
    return (await danube.api.jobWhere((job) => job.trigger.commitSha === sha)).id;
  }

  async function logHas(jobId: string, text: string): Promise<void> {
    let seen = "";
    for await (const event of danube.api.logEvents(jobId)) {
      if (event.event === "log") seen += event.data.text;
      if (seen.includes(text)) return;
    }
    const { status, message } = await danube.api.job(jobId);
    throw new Error(
      `the log ended without "${text}": ${status}, ${message}\n${seen.slice(-2_000)}\n${danube.output().slice(-4_000)}`,
    );
  }

  const places = ["first", "line 1 ", `line ${lines / 4} `, `line ${lines / 2} `];
  const cases = serviceNames.flatMap((service) => places.map((place): [ServiceName, string] => [service, place]));

  it.for(cases)("%s, killed when the log has %j", async ([service, place]) => {
    const jobId = await startJob();
    await logHas(jobId, place);
    await danube.kill(service);
    await danube.start(service);
    await danube.api.jobEnd(jobId);
    await expectUndisturbed(jobId);
  });

  it("all of them at once, three times in one step", async () => {
    const jobId = await startJob();
    for (const place of places.slice(1)) {
      await logHas(jobId, place);
      await Promise.all(serviceNames.map((service) => danube.kill(service)));
      for (const service of serviceNames) await danube.start(service);
    }
    await danube.api.jobEnd(jobId);
    await expectUndisturbed(jobId);
  });

  async function expectUndisturbed(jobId: string): Promise<void> {
    const job = await danube.api.job(jobId);
    expect(job, danube.output().slice(-4_000)).toMatchObject({ status: "success" });
    expect(job.steps).toContainEqual(expect.objectContaining({ name: "Long", exitCode: 7 }));
    expect(withoutCheckout(await danube.api.log(jobId)).equals(undisturbed)).toBe(true);
    const runs = readFileSync(executions, "utf8").split("\n");
    expect(runs.filter((line) => line === jobId)).toHaveLength(1);
    await vi.waitFor(() => expect(processesOfJob(jobId)).toEqual([]), { timeout: 10_000 });
  }
});

/** The log after its first line, which names the commit: every job here has one of its own. */
function withoutCheckout(log: Buffer): Buffer {
  return log.subarray(log.indexOf("\n") + 1);
}
