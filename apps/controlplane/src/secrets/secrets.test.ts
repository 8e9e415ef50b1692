// Secrets from end to end: stored, given to the jobs that may have them, and never seen where they must not be.
import { chmod, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { createMetrics, silentLogger } from "@danube/kit";
import { createFakeDriver } from "@danube/runtime/testing";
import { describe, expect, test } from "vitest";
import { createApp } from "../app.ts";
import { controlPlaneDefaults } from "../config.ts";
import { Harness } from "../testing/control-plane-harness.ts";

const actor = { subject: "ann" };
const fork = {
  number: 7,
  title: "A gift",
  action: "opened" as const,
  headBranch: "main",
  baseBranch: "main",
  isFork: true,
  headRepository: "mallory/app",
};
const options = { deadlineMs: 2_000 };

describe("a job's secrets", () => {
  test("are its pipeline's own and the global ones, of which the own win", async () => {
    await using harness = await Harness.start();
    const { setSecret } = harness.app.commands;
    await setSecret({ name: "BOTH", value: "global-value", actor });
    await setSecret({ name: "BOTH", pipelineName: "app", value: "own-value", actor });
    await setSecret({ name: "SHARED", value: "shared-value", actor });
    await setSecret({ name: "FOREIGN", pipelineName: "other", value: "foreign-value", actor });
    const { client } = (await harness.startJob()).coordinator;
    expect(await client.getSecret({ name: "BOTH" })).toEqual({ value: "own-value" });
    expect(await client.getSecret({ name: "SHARED" })).toEqual({ value: "shared-value" });
    await expect(client.getSecret({ name: "FOREIGN" }, options)).rejects.toThrow(/danube secret set FOREIGN/);
  });

  test("are masked in the log from its first byte, over frames and restarts, whether or not they were asked for", async () => {
    await using harness = await Harness.start();
    await harness.app.commands.setSecret({ name: "TOKEN", pipelineName: "app", value: "hunter2-hunter2", actor });
    const { job, coordinator } = await harness.startJob();
    await coordinator.client.appendLog({ offset: 0, text: "checkout with hunter2-hunter2\n" });
    const step = await coordinator.runStep({ name: "echo hunter2-hunter2" });
    await step.output(0, "before hunter2-");
    await step.output(15, "hunter2 after\n");
    await step.next("ack");
    await harness.restart();
    const again = coordinator.openStep({ stepId: step.stepId, name: "echo hunter2-hunter2", sequence: 1 });
    const text = "before hunter2-hunter2 after\nhunter2-hunter2";
    const { offsets } = await again.next("accepted");
    await again.output(offsets.output, text.slice(offsets.output));
    await again.exit(0, { output: text.length });
    await again.next("result");
    await coordinator.client.reportStatus({ phase: "finished", outcome: { status: "success" } });
    await harness.gone(job.id);
    expect(await harness.log(job.id)).toBe("checkout with ***\nbefore *** after\n***\n");
    expect(await harness.everything()).not.toContain("hunter2");
    expect((await harness.app.queries.listSteps({ jobId: job.id })).steps).toMatchObject([{ name: "echo ***" }]);
  });

  test("are not for pull requests from forks", async () => {
    await using harness = await Harness.start();
    await harness.app.commands.setSecret({ name: "TOKEN", pipelineName: "app", value: "hunter2", actor });
    const { coordinator } = await harness.startJob({ type: "pull_request", pullRequest: fork });
    await expect(coordinator.client.getSecret({ name: "TOKEN" }, options)).rejects.toMatchObject({ code: "forbidden" });
  });

  test("can be replaced and deleted; a job keeps those that it began with", async () => {
    await using harness = await Harness.start();
    const { setSecret, deleteSecret } = harness.app.commands;
    const name = "TOKEN";
    await setSecret({ name, value: "first", actor });
    const old = (await harness.startJob()).coordinator.client;
    await setSecret({ name, value: "second", actor });
    expect(await old.getSecret({ name })).toEqual({ value: "first" });
    expect(await (await harness.startJob()).coordinator.client.getSecret({ name })).toEqual({ value: "second" });
    expect(await deleteSecret({ name, actor })).toEqual({ deleted: true });
    expect(await deleteSecret({ name, actor })).toEqual({ deleted: false });
    const { client } = (await harness.startJob()).coordinator;
    await expect(client.getSecret({ name }, options)).rejects.toMatchObject({ code: "not_found" });
    await expect(setSecret({ name, pipelineName: "nobody", value: "x", actor })).rejects.toThrow(
      /no pipeline "nobody"/,
    );
  });
});

describe("the key files", () => {
  test("are made with the first start, for their owner alone", async () => {
    await using harness = await Harness.start();
    for (const name of ["encryption.key", "service.token", "local.token"]) {
      expect((await stat(path.join(harness.dataDirectory, "keys", name))).mode & 0o777).toBe(0o600);
    }
    const { localToken, serviceToken } = harness.app;
    expect(localToken).not.toBe(serviceToken);
    await harness.restart();
    expect(harness.app).toMatchObject({ localToken, serviceToken });
  });

  test("a start with secrets and without their key, or with another one, or an open one, is refused with a sentence", async () => {
    await using harness = await Harness.start();
    await harness.app.commands.setSecret({ name: "TOKEN", value: "hunter2", actor });
    await harness.stop();
    const key = path.join(harness.dataDirectory, "keys", "encryption.key");
    const open = () =>
      createApp({
        config: {
          ...controlPlaneDefaults,
          dataDirectory: harness.dataDirectory,
          allowLocalRepositories: false,
          environment: {},
        },
        driver: createFakeDriver(),
        logger: silentLogger,
        metrics: createMetrics(),
      });
    await chmod(key, 0o644);
    await expect(open()).rejects.toThrow(/chmod 600/);
    await rm(key);
    await expect(open()).rejects.toThrow(/1 secrets, but their key .* is missing/);
    await writeFile(key, `${Buffer.alloc(32, 7).toString("base64url")}\n`, { mode: 0o600 });
    await expect(open()).rejects.toThrow(/is not the one that the secret "TOKEN" was encrypted with/);
  });
});
