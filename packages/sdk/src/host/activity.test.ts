import { describe, expect, it } from "vitest";
import { createActivityTracker, describeLeftAlone } from "./activity.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function leftAfter(use: (start: (what?: string, fails?: boolean) => Promise<string>) => unknown) {
  const tracker = createActivityTracker();
  await use((what = "a", fails = false) =>
    tracker.track(what, "danubefile.ts:1", async () => {
      await turn();
      if (fails) throw new Error("failed");
      return "value";
    }),
  );
  await turn();
  return tracker.leftAlone().map(describeLeftAlone);
}

describe("createActivityTracker", () => {
  it.each<[string, (start: (what?: string, fails?: boolean) => Promise<string>) => unknown]>([
    ["awaited at once", async (start) => void (await start())],
    [
      "awaited long after it ended",
      async (start) => {
        const started = start();
        await turn();
        await turn();
        expect(await started).toBe("value");
      },
    ],
    [
      "awaited long after it failed",
      async (start) => {
        const started = start("a", true);
        await turn();
        await turn();
        await expect(started).rejects.toThrow("failed");
      },
    ],
    ["given to Promise.all", async (start) => void (await Promise.all([start("a"), start("b")]))],
    ["given to Promise.allSettled", async (start) => void (await Promise.allSettled([start("a", true), start("b")]))],
    ["returned", (start) => start()],
    ["returned from an async function", async (start) => start()],
    ["followed by catch", async (start) => void (await start("a", true).catch(() => undefined))],
    ["followed by finally", async (start) => void (await start().finally(() => undefined))],
  ])("does not complain of what is %s", async (_how, use) => {
    expect(await leftAfter(use)).toEqual([]);
  });

  it("finds what nobody asked for while it goes on", async () => {
    const tracker = createActivityTracker();
    void tracker.track("step a", "danubefile.ts:12", () => new Promise(() => undefined));
    expect(tracker.leftAlone().map(describeLeftAlone)).toEqual([
      "step a was started at danubefile.ts:12 and not awaited",
    ]);
  });

  it("finds what nobody asked for although it ended long ago, well or badly", async () => {
    expect(
      await leftAfter(async (start) => {
        void start("a");
        void start("b", true);
        await turn();
        await turn();
      }),
    ).toEqual(["a was started at danubefile.ts:1 and not awaited", "b was started at danubefile.ts:1 and not awaited"]);
  });

  it("finds what somebody asked for but did not wait for", async () => {
    const tracker = createActivityTracker();
    void tracker.track("step a", undefined, () => new Promise(() => undefined)).then(() => undefined);
    await turn();
    expect(tracker.leftAlone().map(describeLeftAlone)).toEqual([
      "step a was started and was still running when the pipeline function ended; await it",
    ]);
  });

  it("is a promise like any other to the eye", async () => {
    const promise = createActivityTracker().track("a", undefined, async () => 1);
    expect(promise).toBeInstanceOf(Promise);
    expect(promise.then((value) => value)).toBeInstanceOf(Promise);
    expect(await promise).toBe(1);
  });
});
