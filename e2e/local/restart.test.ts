// `danube up` is killed, or stopped with SIGTERM, in the middle of a step, and started again: the job goes on as if nothing was.
// Ctrl-C ends its jobs too.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createBlueprint } from "../harness/blueprint.ts";
import { startDanubeUp, webhookSecret } from "../harness/danube-up.ts";
import { createGitRepository } from "../harness/git-repository.ts";
import { processesOfJob } from "../harness/job-processes.ts";
import { deliver, githubPush } from "../harness/webhook.ts";

it.each(["SIGKILL", "SIGTERM"] as const)("a job outlives danube up and its %s", async (signal) => {
  const directory = mkdtempSync(join(tmpdir(), "danube-restart-"));
  const [go, executions] = [join(directory, "go"), join(directory, "executions")];
  const command = `echo once >> ${executions}; echo waiting; while [ ! -e ${go} ]; do sleep 0.05; done; echo gone on`;
  const repository = createGitRepository("patient");
  repository.push({ "danubefile.ts": `export default ({ step }) => step.run(${JSON.stringify(command)});\n` });
  const dataDirectory = join(directory, "data");
  const options = { dataDirectory, blueprintUrl: createBlueprint({ patient: { repository: repository.url } }).url };

  const first = await startDanubeUp(options);
  const sha = repository.push({ "change.txt": signal });
  await deliver(first.url, githubPush(repository, webhookSecret, { sha }));
  const { id } = await first.api.jobWhere((job) => job.trigger.commitSha === sha);
  for await (const event of first.api.logEvents(id))
    if (event.event === "log" && event.data.text.includes("waiting")) break;
  await first.process.kill(signal);

  const second = await startDanubeUp(options);
  try {
    writeFileSync(go, "");
    expect(await second.api.jobEnd(id)).toMatchObject({ status: "success" });
    expect((await second.api.log(id)).toString()).toMatch(/\nwaiting\ngone on\n$/);
    expect(readFileSync(executions, "utf8")).toBe("once\n");
  } finally {
    await second.stop();
  }
});

it("Ctrl-C ends the job, finally blocks included, before danube up ends", async () => {
  const marks = join(mkdtempSync(join(tmpdir(), "danube-restart-")), "marks");
  const script = `export default async ({ step }) => {
  try { await step.run("echo waiting; sleep 600"); } finally { await step.run("sleep 0.3; echo cleaned up >> ${marks}"); }
};
`;
  const repository = createGitRepository("interrupted");
  repository.push({ "danubefile.ts": script });
  const danube = await startDanubeUp({
    blueprintUrl: createBlueprint({ interrupted: { repository: repository.url } }).url,
  });
  const sha = repository.push({ "change.txt": "x" });
  await deliver(danube.url, githubPush(repository, webhookSecret, { sha }));
  const { id } = await danube.api.jobWhere((job) => job.trigger.commitSha === sha);
  for await (const event of danube.api.logEvents(id))
    if (event.event === "log" && event.data.text.includes("waiting")) break;
  await danube.process.kill("SIGINT");
  expect(readFileSync(marks, "utf8")).toBe("cleaned up\n");
  expect(processesOfJob(id)).toEqual([]);
});
