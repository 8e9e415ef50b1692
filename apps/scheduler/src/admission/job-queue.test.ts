import * as fc from "fast-check";
import { newId } from "@danube/kit";
import type { Job, JobStatus } from "@danube/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { configurationOf } from "../testing/configuration.ts";
import { createJobQueue, type JobQueue } from "./job-queue.ts";
import { limitsOf } from "./limits.ts";
import { describeWaiting } from "./waiting-message.ts";

const limits = limitsOf(
  configurationOf(
    {
      free: {},
      limited: { concurrency: { limit: 2 } },
      deployA: { concurrency: { group: "deploy" } },
      deployB: { concurrency: { group: "deploy", limit: 1 } },
      deployC: { concurrency: { group: "deploy" } },
    },
    4,
  ),
);

let number = 0;
function job(pipeline: string, status: JobStatus = "pending", fields: Partial<Job> = {}): Job {
  number++;
  return {
    id: newId(),
    pipelineId: `id-${pipeline}`,
    pipelineName: pipeline,
    number,
    status,
    trigger: { type: "push", ref: "refs/heads/main" },
    params: {},
    attempt: 1,
    version: 1,
    createdAt: `2026-01-01T00:00:00.${String(number % 1_000).padStart(3, "0")}Z`,
    ...fields,
  };
}

/** Lets in whoever may go, as the dispatcher does, and returns them. */
function admitAll(queue: JobQueue): string[] {
  const admitted: string[] = [];
  for (let next = queue.next(); next; next = queue.next()) {
    queue.update({ ...next, status: "scheduling", version: next.version + 1 });
    admitted.push(next.id);
  }
  return admitted;
}

function end(queue: JobQueue, { id }: { id: string }): void {
  const known = queue.find(id);
  if (known) queue.update({ ...known, status: "success", version: known.version + 1 });
}

describe("a queue", () => {
  let queue: JobQueue;
  beforeEach(() => {
    number = 0;
    queue = createJobQueue(limits);
  });

  test("admits up to the global limit, oldest first, and the next when one ends", () => {
    const jobs = Array.from({ length: 6 }, () => job("free"));
    for (const one of jobs.toReversed()) queue.update(one);
    expect(admitAll(queue)).toEqual(jobs.slice(0, 4).map(({ id }) => id));
    expect(queue.counts).toEqual({ running: 4, waiting: 2 });
    end(queue, jobs[2]!);
    expect(admitAll(queue)).toEqual([jobs[4]!.id]);
  });

  test("a full group holds up nobody outside it", () => {
    const [a, b, free] = [job("deployA"), job("deployB"), job("free")];
    for (const one of [a, b, free]) queue.update(one);
    expect(admitAll(queue)).toEqual([a.id, free.id]);
    end(queue, a);
    expect(admitAll(queue)).toEqual([b.id]);
  });

  test("a pipeline's own limit counts its own jobs", () => {
    const jobs = [job("limited"), job("limited"), job("limited"), job("free")];
    for (const one of jobs) queue.update(one);
    expect(admitAll(queue)).toEqual([jobs[0], jobs[1], jobs[3]].map((one) => one!.id));
  });

  test("has room for a new job only if nobody waits who could take it", () => {
    expect(queue.hasRoomFor("id-deployA")).toBe(true);
    queue.update(job("deployA", "running"));
    expect(queue.hasRoomFor("id-deployB")).toBe(false);
    expect(queue.hasRoomFor("id-free")).toBe(true);
    queue.update(job("deployB"));
    expect(queue.hasRoomFor("id-free")).toBe(true);
    queue.update(job("free"));
    expect(queue.hasRoomFor("id-free")).toBe(false);
    for (let n = 0; n < 3; n++) queue.update(job("free", "running"));
    expect(queue.hasRoomFor("id-limited")).toBe(false);
  });

  test("believes neither an older word nor one about a job that has ended", () => {
    const one = job("free", "running", { version: 3 });
    queue.update(one);
    queue.update({ ...one, status: "pending", version: 2 });
    expect(queue.find(one.id)?.status).toBe("running");
    end(queue, one);
    queue.update({ ...one, version: 9 });
    queue.replaceAll([one], limits);
    expect(queue.find(one.id)).toBeUndefined();
    expect(queue.counts).toEqual({ running: 0, waiting: 0 });
  });

  test("a job that is not stored yet keeps its place and lets nobody of its group pass", () => {
    const unstored = { ...job("deployA"), version: 0 };
    const later = job("deployB");
    queue.update(unstored);
    queue.update(later);
    expect(queue.next()).toBeUndefined();
    expect(queue.hasRoomFor("id-deployC")).toBe(false);
    queue.update({ ...unstored, version: 1 });
    expect(queue.next()?.id).toBe(unstored.id);
    queue.forget(unstored.id);
    expect(queue.next()?.id).toBe(later.id);
  });

  test("a held job waits until it changes", () => {
    const one = job("free");
    queue.update(one);
    queue.hold(one.id);
    expect(queue.next()).toBeUndefined();
    queue.update({ ...one, version: 2 });
    expect(queue.next()?.id).toBe(one.id);
  });

  test("new limits hold for the jobs that are there", () => {
    const jobs = [job("deployA", "running"), job("deployB"), job("free")];
    for (const one of jobs) queue.update(one);
    expect(queue.next()?.id).toBe(jobs[2]!.id);
    queue.setLimits(limitsOf(configurationOf({ deployA: {}, deployB: {}, free: {} }, 2)));
    expect(admitAll(queue)).toEqual([jobs[1]!.id]);
  });

  test("finds jobs by ref and pipeline, but not those that are being cancelled", () => {
    const [one, two, other] = [
      job("free"),
      job("free", "running"),
      job("free", "pending", { trigger: { type: "push", ref: "refs/heads/dev" } }),
    ];
    for (const each of [one, two, other]) queue.update(each);
    expect(queue.ofRef("id-free", "refs/heads/main").map(({ id }) => id)).toEqual([one.id, two.id]);
    queue.markCancelling(one.id);
    expect(queue.ofRef("id-free", "refs/heads/main").map(({ id }) => id)).toEqual([two.id]);
    expect(queue.ofPipeline("id-free").map(({ id }) => id)).toEqual([two.id, other.id]);
    end(queue, two);
    expect(queue.ofRef("id-free", "refs/heads/main")).toEqual([]);
  });

  test("says what a job waits for", () => {
    const explained = (one: Job) => {
      const why = queue.explain(one.id);
      return why && describeWaiting(why);
    };
    const running = job("deployA", "running");
    const waiting = [job("deployB"), job("deployC"), job("deployA"), job("deployA"), job("deployB"), job("deployB")];
    for (const one of [running, ...waiting]) queue.update(one);
    expect(explained(running)).toBeUndefined();
    expect(explained(waiting[0]!)).toBe(
      'Waits for the concurrency group "deploy" (limit 1). Running: deployA #1. It is the next.',
    );
    expect(explained(waiting[5]!)).toBe(
      'Waits for the concurrency group "deploy" (limit 1). Running: deployA #1. Ahead of it: deployB #2, deployC #3, deployA #4 and 2 more.',
    );
    for (let n = 0; n < 3; n++) queue.update(job("free", "running"));
    const [next, last] = [job("free"), job("free")];
    queue.update(next);
    queue.update(last);
    expect(explained(last)).toBe(
      "Waits for a free place: at most 4 jobs run at once. Ahead of it: deployB #2, deployC #3, deployA #4 and 4 more.",
    );
    const limited = job("limited");
    queue.update(limited);
    expect(queue.front(2).map(({ id }) => id)).toEqual([waiting[0]!.id, waiting[1]!.id]);
  });

  test("thousands of waiting jobs cost little", () => {
    const wide = createJobQueue(
      limitsOf(configurationOf({ free: {}, deployA: { concurrency: { group: "deploy" } } }, 10)),
    );
    const start = performance.now();
    const jobs = Array.from({ length: 10_000 }, (_, n) => job(n % 2 === 0 ? "free" : "deployA"));
    for (const one of jobs) {
      wide.update(one);
      wide.explain(one.id);
    }
    let admitted = admitAll(wide);
    for (let count = 0; admitted.length > 0; count++) {
      expect(count).toBeLessThan(20_000);
      const next: string[] = [];
      for (const id of admitted) {
        end(wide, { id });
        next.push(...admitAll(wide));
      }
      admitted = next;
    }
    expect(wide.counts).toEqual({ running: 0, waiting: 0 });
    expect(performance.now() - start).toBeLessThan(3_000);
  });
});

test("whatever happens in whatever order: never beyond a limit, first come first served in each group, nobody forgotten", () => {
  const pipelines = ["free", "limited", "deployA", "deployB", "deployC"] as const;
  const action = fc.oneof(
    fc.record({ do: fc.constant("add" as const), pipeline: fc.constantFrom(...pipelines) }),
    fc.record({ do: fc.constant("end" as const), which: fc.nat() }),
    fc.record({ do: fc.constant("cancel" as const), which: fc.nat() }),
    fc.record({ do: fc.constant("reload" as const) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      number = 0;
      const queue = createJobQueue(limits);
      const all: Job[] = [];
      const status = new Map<string, "pending" | "running" | "ended">();
      const those = (wanted: string) => all.filter(({ id }) => status.get(id) === wanted);
      for (const step of actions) {
        if (step.do === "add") {
          const one = job(step.pipeline);
          all.push(one);
          status.set(one.id, "pending");
          queue.update(one);
        } else if (step.do === "reload")
          queue.replaceAll(
            all
              .filter(({ id }) => status.get(id) !== "ended")
              .map((one) => (status.get(one.id) === "running" ? { ...one, status: "running", version: 2 } : one)),
            limits,
          );
        else {
          const candidates = those(step.do === "end" ? "running" : "pending");
          const one = candidates[step.which % Math.max(candidates.length, 1)];
          if (one) {
            status.set(one.id, "ended");
            end(queue, one);
          }
        }
        for (const id of admitAll(queue)) {
          const admitted = all.find((one) => one.id === id)!;
          const group = limits.groupOf(admitted.pipelineId).key;
          const first = those("pending").find((one) => limits.groupOf(one.pipelineId).key === group);
          expect(first?.id).toBe(id);
          status.set(id, "running");
        }
        const running = those("running");
        expect(running.length).toBeLessThanOrEqual(4);
        const count = (name: RegExp) => running.filter(({ pipelineName }) => name.test(pipelineName)).length;
        expect(count(/^deploy/)).toBeLessThanOrEqual(1);
        expect(count(/^limited/)).toBeLessThanOrEqual(2);
        expect(queue.counts).toEqual({ running: running.length, waiting: those("pending").length });
        if (running.length < 4)
          expect(those("pending").some(({ pipelineName }) => pipelineName === "free")).toBe(false);
      }
    }),
    { numRuns: 300 },
  );
});
