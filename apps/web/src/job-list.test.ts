import type { Job } from "@danube/protocol";
import { describe, expect, test } from "vitest";
import { withJob, withPage } from "./job-list.ts";

const job = (id: string, version = 1) => ({ id, version }) as Job;
const idsOf = (jobs: Job[]) => jobs.map(({ id, version }) => `${id}${version}`).join(" ");

describe("withJob", () => {
  const list = [job("d"), job("b", 2)];
  test("puts a new job where its id belongs, newest first", () => {
    expect(idsOf(withJob(list, job("e")))).toBe("e1 d1 b2");
    expect(idsOf(withJob(list, job("c")))).toBe("d1 c1 b2");
    expect(idsOf(withJob(list, job("a")))).toBe("d1 b2 a1");
    expect(idsOf(withJob([], job("a")))).toBe("a1");
  });

  test("replaces a job by a newer version, never by an older one", () => {
    expect(idsOf(withJob(list, job("b", 3)))).toBe("d1 b3");
    expect(idsOf(withJob(list, job("b", 1)))).toBe("d1 b2");
  });
});

test("withPage joins pages that overlap", () => {
  expect(idsOf(withPage([job("d", 2), job("c")], [job("d", 1), job("c", 2), job("b")]))).toBe("d2 c2 b1");
});
