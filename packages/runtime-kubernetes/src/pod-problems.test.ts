import { createTestClock } from "@danube/kit";
import { describe, expect, it } from "vitest";
import { createPodProblems } from "./pod-problems.ts";

function setUp() {
  const clock = createTestClock();
  const over: string[] = [];
  const problems = createPodProblems({
    clock,
    gracesMs: { image_pull: 1_000, unschedulable: 5_000 },
    onOver: (jobId) => over.push(jobId),
  });
  return { clock, over, problems };
}

describe("the problems of Pods", () => {
  it("are over when they have lasted for their grace, and say so by themselves", async () => {
    const { clock, over, problems } = setUp();
    expect(problems.isOver("a", "image_pull")).toBe(false);
    await clock.advance(900);
    expect(problems.isOver("a", "image_pull")).toBe(false);
    expect(over).toEqual([]);
    await clock.advance(200);
    expect(over).toEqual(["a"]);
    expect(problems.isOver("a", "image_pull")).toBe(true);
  });

  it("begin anew when they change, and end when they pass", async () => {
    const { clock, over, problems } = setUp();
    problems.isOver("a", "image_pull");
    await clock.advance(900);
    expect(problems.isOver("a", "unschedulable")).toBe(false);
    await clock.advance(900);
    expect(problems.isOver("a", undefined)).toBe(false);
    await clock.advance(60_000);
    expect(over).toEqual([]);
  });

  it("keep the sentence that had the cause when the next one is vague", () => {
    const { problems } = setUp();
    problems.isOver("a", "image_pull");
    expect(problems.describe("a", "manifest unknown", false)).toBe("manifest unknown");
    expect(problems.describe("a", "Back-off", true)).toBe("manifest unknown");
    expect(problems.describe("a", "unauthorized", false)).toBe("unauthorized");
    expect(problems.describe("b", "Back-off", true)).toBe("Back-off");
  });
});
