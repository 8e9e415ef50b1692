// An acknowledged webhook makes exactly one job, whatever dies and however often it is delivered.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isFinal } from "@danube/protocol";
import { createBlueprint } from "../harness/blueprint.ts";
import { type DanubeServices, serviceNames, startDanubeServices } from "../harness/danube-services.ts";
import { webhookSecret } from "../harness/danube-up.ts";
import { createGitRepository, type GitRepository } from "../harness/git-repository.ts";
import { deliver, githubPush } from "../harness/webhook.ts";

const pushes = 60;

describe("webhooks while services are killed", () => {
  let danube: DanubeServices;
  let repository: GitRepository;

  beforeAll(async () => {
    repository = createGitRepository("noop");
    repository.push({ "danubefile.ts": `export default async ({ step }) => { await step.run("true"); };\n` });
    danube = await startDanubeServices({
      blueprintUrl: createBlueprint({ noop: { repository: repository.url } }, { concurrency: { max_jobs: 4 } }).url,
    });
  });
  afterAll(() => danube?.stop());

  it("ends with exactly one successful job for each push that was acknowledged", async () => {
    const shas = Array.from({ length: pushes }, (_, index) => repository.push({ "count.txt": String(index) }));
    const acknowledged = new Set<string>();
    const send = async (sha: string): Promise<void> => {
      // As a forge would, a few times; each delivery has an id of its own, and every third one arrives twice.
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const delivery = githubPush(repository, webhookSecret, { sha });
        const answer = await deliver(danube.url, delivery).catch(() => undefined);
        if (answer?.status === 202) acknowledged.add(sha);
      }
    };
    for (const [index, sha] of shas.entries()) {
      const sending = send(sha);
      if (index % 12 === 5) {
        const service = serviceNames[Math.floor(index / 12) % serviceNames.length] as (typeof serviceNames)[number];
        await danube.kill(service);
        await danube.start(service);
      }
      await sending;
    }
    // After a kill that lost the answer, a forge's user presses "redeliver".
    for (const sha of shas) await send(sha);
    expect(acknowledged.size).toBe(pushes);

    const ended = new Set<string>();
    await danube.api.jobWhere((job) => {
      if (isFinal(job.status)) ended.add(job.id);
      return ended.size >= pushes;
    }, 100_000);
    const jobs = await danube.api.jobs("noop");
    const counts = new Map(shas.map((sha) => [sha, jobs.filter((job) => job.trigger.commitSha === sha).length]));
    expect(
      [...counts.values()].every((count) => count === 1),
      JSON.stringify([...counts]),
    ).toBe(true);
    expect(jobs.filter((job) => job.status !== "success").map((job) => job.message)).toEqual([]);
  });
});
