// A full disk ends jobs with a reason; nothing hangs and nothing is called a success.
import { existsSync } from "node:fs";
import { mkdir, symlink } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { Harness } from "../testing/control-plane-harness.ts";

/** Lets every write to the job's log fail as on a full disk. */
async function fillDisk(harness: Harness, jobId: string): Promise<void> {
  const logs = path.join(harness.dataDirectory, "logs");
  await mkdir(logs, { recursive: true });
  await symlink("/dev/full", path.join(logs, `${jobId}.log`));
}
const infraLost = {
  status: "failure",
  reason: "infra_lost",
  message: expect.stringMatching(/log could not be written/),
};

describe.skipIf(!existsSync("/dev/full"))("a log that can't be written", () => {
  test("by a step ends the job as infra_lost, and its sandbox goes", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    await fillDisk(harness, job.id);
    const step = await coordinator.runStep();
    await step.output(0, "text\n");
    await expect(step.next("result")).rejects.toMatchObject({
      code: expect.stringMatching(/storage_full|job_not_active/),
    });
    expect(await harness.ended(job.id)).toMatchObject(infraLost);
    await harness.gone(job.id);
  });

  test("by the pipeline file ends the job as infra_lost too", async () => {
    await using harness = await Harness.start();
    const { job, coordinator } = await harness.startJob();
    await fillDisk(harness, job.id);
    const append = coordinator.client.appendLog({ offset: 0, text: "text\n" }, { deadlineMs: 2_000 });
    await expect(append).rejects.toMatchObject({ code: expect.any(String) });
    expect(await harness.ended(job.id)).toMatchObject(infraLost);
    await harness.gone(job.id);
  });
});
