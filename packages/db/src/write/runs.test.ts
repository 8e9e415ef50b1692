import { newId } from "@danube/kit";
import { expect, it } from "vitest";
import { applyPipelines, jobAt, openTestDatabase } from "../test-database.ts";
import { deleteJobRun, findJobTokenHash, getJobRun, keepJobRun, setJobCommit } from "./job-runs.ts";
import { setJobToken } from "./jobs.ts";
import { deleteStepRuns, keepStepRun, listStepRuns, markStepSignalled, restartStepRun } from "./step-runs.ts";
import { startStep } from "./steps.ts";

async function openWithJobs() {
  const { writer } = await openTestDatabase();
  const [pipelineId = ""] = await applyPipelines(writer, "app");
  const at = () => jobAt(writer, pipelineId, { status: "scheduling" }, { status: "running" });
  return { writer, jobId: (await at()).id, otherJobId: (await at()).id };
}

it("keeps what is told of a job beside what was told before, and forgets it", async () => {
  const { writer, jobId } = await openWithJobs();
  await writer.transaction((transaction) => keepJobRun(transaction, jobId, { scheduledMark: "a", endingMark: "b" }));
  await writer.transaction((transaction) => keepJobRun(transaction, jobId, { startedMark: "c", endingMark: "d" }));
  const run = () => writer.read((transaction) => getJobRun(transaction, jobId));
  expect(run()).toEqual({ scheduledMark: "a", startedMark: "c", endingMark: "d" });
  await writer.transaction((transaction) => deleteJobRun(transaction, jobId));
  expect(run()).toEqual({});
});

it("a step's first signal stays, and only its own job reaches it", async () => {
  const { writer, jobId, otherJobId } = await openWithJobs();
  const stepId = newId();
  await writer.transaction((transaction) => {
    startStep(transaction, { id: stepId, jobId, kind: "command", name: "x", sequence: 1, attempt: 1, soft: false });
    keepStepRun(transaction, { stepId, jobId, worker: "database", timeoutMs: 5, startedMark: "a" });
    keepStepRun(transaction, { stepId, jobId, startedMark: "later" });
    markStepSignalled(transaction, { stepId, jobId: otherJobId }, "cancelled");
    restartStepRun(transaction, { stepId, jobId: otherJobId }, "foreign");
  });
  const runs = () => writer.read((transaction) => listStepRuns(transaction, jobId));
  expect(runs()).toEqual([{ stepId, jobId, worker: "database", timeoutMs: 5, startedMark: "a" }]);
  await writer.transaction((transaction) => {
    restartStepRun(transaction, { stepId, jobId }, "b");
    markStepSignalled(transaction, { stepId, jobId }, "timeout");
    markStepSignalled(transaction, { stepId, jobId }, "cancelled");
  });
  expect(runs()).toMatchObject([{ startedMark: "b", signalled: "timeout" }]);
  await writer.transaction((transaction) => deleteStepRuns(transaction, jobId));
  expect(runs()).toEqual([]);
});

it("remembers a job's commit and finds the hash of its token", async () => {
  const { writer, jobId } = await openWithJobs();
  const commitSha = "a".repeat(40);
  const { job } = await writer.transaction((transaction) => {
    setJobToken(transaction, jobId, "b".repeat(64));
    return setJobCommit(transaction, jobId, { commitSha, ref: "refs/heads/main", branch: "main" });
  });
  expect(job.trigger).toMatchObject({ commitSha, ref: "refs/heads/main", branch: "main" });
  expect(writer.read((transaction) => findJobTokenHash(transaction, jobId))).toBe("b".repeat(64));
});
