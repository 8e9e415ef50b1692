import { describe, expect, it } from "vitest";
import { createHealth } from "./health.ts";
import { silentLogger } from "./logger.ts";
import { createTestClock } from "./test-clock.ts";

function start() {
  const clock = createTestClock();
  const lines: string[] = [];
  const record = (message: string) => void lines.push(message);
  const health = createHealth({ logger: { ...silentLogger, warn: record, info: record }, clock, timeoutMs: 1_000 });
  return { clock, health, lines };
}

describe("health", () => {
  it("is good without checks and when all are good", async () => {
    const { health } = start();
    expect(await health.report()).toEqual({ status: "ok", checks: [] });
    health.register("a", () => ({ ok: true }));
    health.register("b", async () => ({ ok: true, detail: "fine" }));
    const checks = [
      { name: "a", ok: true },
      { name: "b", ok: true, detail: "fine" },
    ];
    expect(await health.report()).toEqual({ status: "ok", checks });
  });

  it("fails when one fails, and logs only the changes", async () => {
    const { health, lines } = start();
    let ok = false;
    health.register("disk", () => ({ ok }));
    expect((await health.report()).status).toBe("failing");
    await health.report();
    ok = true;
    await health.report();
    expect(lines).toEqual(["Health check disk fails", "Health check disk is good again"]);
  });

  it("shows the words of errors made for people, and of no others", async () => {
    const { health } = start();
    health.register("ours", () => {
      throw Object.assign(new Error("The disk is full."), { name: "DanubeError" });
    });
    health.register("other", () => Promise.reject(new Error("password hunter2")));
    const { checks } = await health.report();
    expect(checks[0]).toEqual({ name: "ours", ok: false, detail: "The disk is full." });
    expect(JSON.stringify(checks[1])).not.toContain("hunter2");
    expect(checks[1]?.ok).toBe(false);
  });

  it("counts a check that does not answer as failing, and waits for none longer", async () => {
    const { clock, health } = start();
    health.register("stuck", () => new Promise(() => undefined));
    health.register("good", () => ({ ok: true }));
    const report = health.report();
    await clock.advance(1_000);
    expect((await report).checks).toMatchObject([
      { name: "stuck", ok: false },
      { name: "good", ok: true },
    ]);
    expect(clock.timers()).toBe(0);
  });

  it("refuses a name twice, and forgets a check that was removed", async () => {
    const { health } = start();
    const remove = health.register("a", () => ({ ok: false }));
    expect(() => health.register("a", () => ({ ok: true }))).toThrow("named a");
    remove();
    expect((await health.report()).status).toBe("ok");
  });
});
