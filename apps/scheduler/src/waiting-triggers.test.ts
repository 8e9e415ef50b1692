import type { Trigger } from "@danube/protocol";
import { describe, expect, it } from "vitest";
import { createWaitingTriggers } from "./waiting-triggers.ts";

const trigger = (id: string) => ({ id }) as Trigger;

describe("createWaitingTriggers", () => {
  it("lets one of a key go at a time, in order, and others meanwhile", () => {
    const waiting = createWaitingTriggers();
    waiting.add(trigger("a1"), "a");
    waiting.add(trigger("a2"), "a");
    waiting.add(trigger("b1"), "b");
    waiting.add(trigger("free"), undefined);
    const first = waiting.take();
    expect([first, waiting.take(), waiting.take(), waiting.take()].map((it) => it?.trigger.id)).toEqual([
      "a1",
      "b1",
      "free",
      undefined,
    ]);
    first?.release();
    expect(waiting.take()?.trigger.id).toBe("a2");
    expect(waiting.size).toBe(0);
  });

  it("forgets what was decided elsewhere", () => {
    const waiting = createWaitingTriggers();
    waiting.add(trigger("a1"), "a");
    waiting.add(trigger("a2"), "a");
    waiting.delete("a1");
    waiting.delete("unknown");
    expect(waiting.take()?.trigger.id).toBe("a2");
  });

  it("keeps a key busy over a clearing: what is under way still is", () => {
    const waiting = createWaitingTriggers();
    waiting.add(trigger("a1"), "a");
    const first = waiting.take();
    waiting.clear();
    waiting.add(trigger("a2"), "a");
    expect(waiting.take()).toBeUndefined();
    first?.release();
    expect(waiting.take()?.trigger.id).toBe("a2");
  });
});
