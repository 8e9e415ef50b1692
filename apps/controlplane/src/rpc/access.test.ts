// Who may ask what: a job for itself alone and while it is active, services with their credential, and nobody else.
import { newId, silentLogger } from "@danube/kit";
import { jobMethods, serviceMethods } from "@danube/protocol";
import { createRpcClient } from "@danube/rpc";
import { describe, expect, test } from "vitest";
import { hashToken } from "../jobs/job-token.ts";
import { Harness, localhost } from "../testing/control-plane-harness.ts";

const options = { deadlineMs: 2_000 };
const unauthenticated = { code: "unauthenticated" };
const actor = { subject: "ann" };

async function services(harness: Harness, token = harness.app.serviceToken) {
  const { host, port } = await harness.app.listenServices(localhost);
  return createRpcClient({ url: `http://${host}:${port}`, methods: serviceMethods, token, logger: silentLogger });
}

describe("a job's token", () => {
  test("is worth nothing on the services' listener, and theirs nothing on the jobs'", async () => {
    await using harness = await Harness.start();
    const { job } = await harness.startJob();
    const { token = "" } = harness.driver.specs.get(job.id) ?? {};
    const client = await services(harness, token);
    await expect(client.ping({}, options)).rejects.toMatchObject(unauthenticated);
    await expect(client.setSecret({ name: "A", value: "b", actor }, options)).rejects.toMatchObject(unauthenticated);
    await client.close();

    const intruder = harness.connectWith(job.id, harness.app.serviceToken);
    await expect(intruder.client.getSecret({ name: "A" }, options)).rejects.toMatchObject(unauthenticated);
  });

  test("acts on its own job alone: another job's steps, artifacts and secrets are out of reach", async () => {
    await using harness = await Harness.start();
    await harness.app.commands.setSecret({ name: "DEPLOY", pipelineName: "other", value: "hunter2", actor });
    const victim = await harness.startJob();
    const thief = await harness.startJob();
    const step = await victim.coordinator.runStep();
    const body = Buffer.from("mine");
    const sha256 = hashToken("mine");
    const artifact = {
      artifactId: newId(),
      name: "site",
      fileName: "site.txt",
      kind: "file" as const,
      sizeBytes: 4,
      sha256,
    };
    await victim.coordinator.client.uploadArtifact(artifact, body);

    const stolen = thief.coordinator.openStep({ stepId: step.stepId });
    await expect(stolen.finish("forged\n", 0)).rejects.toMatchObject({ code: expect.any(String) });
    const { client } = thief.coordinator;
    await expect(client.downloadArtifact({ name: "site" }, options)).rejects.toMatchObject({ code: "not_found" });
    await expect(client.uploadArtifact(artifact, body, options)).rejects.toMatchObject({
      code: "idempotency_mismatch",
    });
    await expect(client.getSecret({ name: "DEPLOY" }, options)).rejects.toMatchObject({ code: "not_found" });
    const group = { stepId: step.stepId, name: "Build", sequence: 1, status: "success" as const };
    await expect(client.reportGroup(group, options)).rejects.toMatchObject({ code: "idempotency_mismatch" });

    expect((await harness.app.queries.listSteps({ jobId: victim.job.id })).steps).toMatchObject([
      { status: "running" },
    ]);
    expect(await harness.log(victim.job.id)).toBe("");
  });

  test("is dead after the job's end, and after a restart still is", async () => {
    await using harness = await Harness.start();
    await harness.app.commands.setSecret({ name: "DEPLOY", pipelineName: "app", value: "hunter2", actor });
    const { job, coordinator } = await harness.startJob();
    const { client } = coordinator;
    await client.reportStatus({ phase: "finished", outcome: { status: "success" } });
    const refused = { code: expect.stringMatching(/unauthenticated|job_not_active/) };
    const calls = [
      () => client.getSecret({ name: "DEPLOY" }, options),
      () => client.appendLog({ offset: 0, text: "late" }, options),
      () => client.reportStatus({ phase: "running" }, options),
      () => client.downloadArtifact({ name: "x" }, options),
      () => coordinator.openStep().next("accepted"),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject(refused);
    await harness.gone(job.id);
    for (const call of calls) await expect(call()).rejects.toMatchObject(unauthenticated);
    await harness.restart();
    for (const call of calls) await expect(call()).rejects.toMatchObject(unauthenticated);
    expect(await harness.log(job.id)).toBe("");
  });

  test("is needed: without one, with another scheme or with a wrong one nothing is answered", async () => {
    await using harness = await Harness.start();
    const { job } = await harness.startJob();
    for (const token of ["x", "Bearer", "a".repeat(43), "../../etc/passwd"]) {
      const client = createRpcClient({ url: harness.url, methods: jobMethods, token, logger: silentLogger });
      await expect(client.getSecret({ name: "A" }, options)).rejects.toMatchObject(unauthenticated);
      await client.close();
    }
    expect(await harness.job(job.id)).toMatchObject({ status: "running" });
  });

  test("is stored as a hash: the data directory does not hold it", async () => {
    await using harness = await Harness.start();
    const { job } = await harness.startJob();
    const { token = "" } = harness.driver.specs.get(job.id) ?? {};
    expect(token.length).toBeGreaterThanOrEqual(43);
    expect(await harness.everything()).not.toContain(token);
  });
});

describe("the services' listener", () => {
  test("answers queries and commands, and tells every change after its commit, in order", async () => {
    await using harness = await Harness.start();
    const client = await services(harness);
    const abort = new AbortController();
    const changes = client.watchChanges({}, { signal: abort.signal })[Symbol.asyncIterator]();
    expect((await changes.next()).value).toEqual({ type: "reset" });
    const { job, coordinator } = await harness.startJob();
    const step = await coordinator.runStep();
    await step.finish("hello\n", 0);
    await coordinator.client.reportStatus({ phase: "finished", outcome: { status: "success" } });

    const seen: string[] = [];
    for (;;) {
      const { value } = await changes.next();
      if (!value) throw new Error("The stream ended.");
      if (value.type === "job") {
        seen.push(value.job.status);
        // What is told is stored.
        expect((await client.getJob({ jobId: job.id })).job?.version).toBeGreaterThanOrEqual(value.job.version);
      }
      if (value.type === "step") seen.push(`step ${value.step.status}`);
      if (value.type === "log") seen.push(value.closed ? `log closed ${value.sizeBytes}` : `log ${value.sizeBytes}`);
      if (value.type === "log" && value.closed) break;
    }
    expect(seen).toEqual(["scheduling", "running", "step running", "log 6", "step success", "success", "log closed 6"]);
    abort.abort();
    await client.close();
  });

  test("says whether the writer is well", async () => {
    await using harness = await Harness.start();
    const client = await services(harness);
    expect(await client.health({})).toEqual({
      checks: [
        { name: "database", ok: true },
        { name: "runtime", ok: true },
      ],
    });
    await client.close();
  });
});
