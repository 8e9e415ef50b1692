import { newId } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { createQueries } from "../read/queries.ts";
import { sqlBuilder } from "../sql/builder.ts";
import { applyPipelines, newJob, openTestDatabase, pushEvent } from "../test-database.ts";
import { type NewDelivery, recordDelivery } from "./deliveries.ts";
import { decideTrigger, getTrigger, recordTrigger } from "./triggers.ts";
import type { Writer } from "./writer.ts";

function newDelivery(fields: Partial<NewDelivery["delivery"]> = {}): NewDelivery["delivery"] {
  const forge = { forge: "github", forgeDeliveryId: newId(), event: "push" } as const;
  return { id: newId(), ...forge, bodySha256: "ab".repeat(32), result: "accepted", ...fields };
}
const newTrigger = (key: string) => ({ id: newId(), deduplicationKey: key, event: pushEvent() });
const record = (writer: Writer, request: NewDelivery) =>
  writer.transaction((transaction) => recordDelivery(transaction, request));

function counts(writer: Writer) {
  return writer.read((transaction) => {
    const count = (table: "triggers" | "webhook_deliveries" | "jobs") =>
      transaction.all(sqlBuilder.selectFrom(table).select("id").compile()).length;
    return { triggers: count("triggers"), deliveries: count("webhook_deliveries"), jobs: count("jobs") };
  });
}

describe("recordDelivery", () => {
  it("stores a delivery with its trigger", async () => {
    const { writer } = await openTestDatabase();
    const trigger = newTrigger("github:app:refs/heads/main:abc");
    const result = await record(writer, { delivery: newDelivery(), trigger });
    expect(result).toEqual({ duplicate: false, triggerId: trigger.id });
    expect(writer.read((transaction) => getTrigger(transaction, trigger.id))).toEqual({
      ...trigger,
      status: "received",
      receivedAt: "2026-01-01T00:00:00.000Z",
    });
  });

  it("stores nothing for a delivery that is known, and tells the first trigger", async () => {
    const { writer } = await openTestDatabase();
    const delivery = newDelivery();
    const trigger = newTrigger("one");
    await record(writer, { delivery, trigger });
    const again = await record(writer, { delivery: { ...delivery, id: newId() }, trigger: newTrigger("other") });
    expect(again).toEqual({ duplicate: true, triggerId: trigger.id });
    expect(counts(writer)).toEqual({ triggers: 1, deliveries: 1, jobs: 0 });
  });

  it("stores nothing for a happening that is known, under whatever delivery it comes", async () => {
    const { writer } = await openTestDatabase();
    const trigger = newTrigger("one");
    await record(writer, { delivery: newDelivery(), trigger });
    const again = await record(writer, { delivery: newDelivery({ forge: "gitlab" }), trigger: newTrigger("one") });
    expect(again).toEqual({ duplicate: true, triggerId: trigger.id });
    expect(counts(writer)).toEqual({ triggers: 1, deliveries: 1, jobs: 0 });
  });

  it("gives the same call the same answer", async () => {
    const { writer } = await openTestDatabase();
    const request = { delivery: newDelivery(), trigger: newTrigger("one") };
    const first = await record(writer, request);
    expect(await record(writer, request)).toEqual(first);
  });

  it("stores an ignored delivery once, without a trigger", async () => {
    const { writer } = await openTestDatabase();
    const delivery = newDelivery({ result: "ignored", detail: "A ping." });
    expect(await record(writer, { delivery })).toEqual({ duplicate: false });
    expect(await record(writer, { delivery: { ...delivery, id: newId() } })).toEqual({ duplicate: true });
    expect(counts(writer)).toEqual({ triggers: 0, deliveries: 1, jobs: 0 });
  });

  it("makes one trigger of many deliveries at once", async () => {
    const { writer } = await openTestDatabase();
    const results = await Promise.all(
      Array.from({ length: 50 }, () => record(writer, { delivery: newDelivery(), trigger: newTrigger("one") })),
    );
    expect(results.filter((result) => !result.duplicate)).toHaveLength(1);
    expect(new Set(results.map((result) => result.triggerId)).size).toBe(1);
    expect(counts(writer)).toEqual({ triggers: 1, deliveries: 1, jobs: 0 });
  });
});

describe("recordTrigger", () => {
  const cron = (slot: string) => ({
    id: newId(),
    deduplicationKey: `cron:app:${slot}`,
    event: pushEvent({ type: "cron", pipelineName: "app", schedule: "0 3 * * *", slot }),
  });

  it("moves the cron slot on with its trigger, never back, and fires a slot once", async () => {
    const { writer } = await openTestDatabase();
    await applyPipelines(writer, "app");
    const fire = (slot: string) => writer.transaction((transaction) => recordTrigger(transaction, cron(slot)));
    const slots = async () => (await createQueries(writer).listCronSlots({})).slots;
    expect((await fire("2026-01-02T03:00:00.000Z")).duplicate).toBe(false);
    expect((await fire("2026-01-02T03:00:00.000Z")).duplicate).toBe(true);
    await fire("2026-01-01T03:00:00.000Z");
    expect(await slots()).toEqual([{ pipelineName: "app", schedule: "0 3 * * *", slot: "2026-01-02T03:00:00.000Z" }]);
  });

  it("stores neither trigger nor slot for a pipeline that is not there", async () => {
    const { writer } = await openTestDatabase();
    const fired = writer.transaction((transaction) => recordTrigger(transaction, cron("2026-01-01T03:00:00.000Z")));
    await expect(fired).rejects.toMatchObject({ code: "not_found" });
    expect(counts(writer).triggers).toBe(0);
  });
});

describe("decideTrigger", () => {
  it("makes the jobs once; a second decision gets the first one's", async () => {
    const { writer } = await openTestDatabase();
    const [app = "", site = ""] = await applyPipelines(writer, "app", "site");
    const trigger = newTrigger("one");
    await record(writer, { delivery: newDelivery(), trigger });
    const decide = (outcome: string) =>
      writer.transaction((transaction) =>
        decideTrigger(transaction, {
          triggerId: trigger.id,
          jobs: [newJob(app, { admit: true }), newJob(site, { message: "Waits." })],
          outcome,
        }),
      );
    const first = await decide("2 jobs.");
    expect(first.alreadyDecided).toBe(false);
    expect(first.jobs.map((job) => [job.pipelineName, job.number, job.status, job.trigger.triggerId])).toEqual([
      ["app", 1, "scheduling", trigger.id],
      ["site", 1, "pending", trigger.id],
    ]);
    const second = await decide("Something else.");
    expect(second).toEqual({ jobs: first.jobs, alreadyDecided: true });
    expect(counts(writer).jobs).toBe(2);
    expect(writer.read((transaction) => getTrigger(transaction, trigger.id))).toMatchObject({
      status: "decided",
      outcome: "2 jobs.",
      decidedAt: "2026-01-01T00:00:00.000Z",
    });
  });

  it("decides nothing when one of the jobs can't be made", async () => {
    const { writer } = await openTestDatabase();
    const [app = ""] = await applyPipelines(writer, "app");
    const trigger = newTrigger("one");
    await record(writer, { delivery: newDelivery(), trigger });
    const decided = writer.transaction((transaction) =>
      decideTrigger(transaction, { triggerId: trigger.id, jobs: [newJob(app), newJob(newId())], outcome: "x" }),
    );
    await expect(decided).rejects.toMatchObject({ code: "not_found" });
    expect(counts(writer).jobs).toBe(0);
    expect(writer.read((transaction) => getTrigger(transaction, trigger.id)).status).toBe("received");
  });

  it("does not find a trigger that is not there", async () => {
    const { writer } = await openTestDatabase();
    const decided = writer.transaction((transaction) =>
      decideTrigger(transaction, { triggerId: newId(), jobs: [], outcome: "x" }),
    );
    await expect(decided).rejects.toMatchObject({ code: "not_found" });
  });
});
