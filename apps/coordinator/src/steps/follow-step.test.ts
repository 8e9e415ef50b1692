// A Coordinator whose connection breaks in the middle of a step: not a byte more or less, and one execution.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createTcpProxy, type TcpProxy } from "@danube/rpc/testing";
import { afterEach, describe, expect, it } from "vitest";
import { createTestControlPlane, type TestControlPlane } from "../testing/test-control-plane.ts";

let controlPlane: TestControlPlane;
let proxy: TcpProxy | undefined;
afterEach(async () => {
  await controlPlane.close();
  await proxy?.close();
  proxy = undefined;
});

const lines = 60_000;
const printLines = `echo run >> runs; seq -f 'line %.0f of the output of a step' 1 ${lines}`;
const expected = Array.from({ length: lines }, (_, index) => `line ${index + 1} of the output of a step\n`).join("");
const digest = (text: string) => createHash("sha256").update(text).digest("hex");

async function startThroughProxy(file: string): Promise<TcpProxy> {
  controlPlane = await createTestControlPlane({ files: { "danubefile.ts": file } });
  proxy = await createTcpProxy({ target: controlPlane.address });
  await controlPlane.start({ address: proxy.address });
  return proxy;
}

describe("a cut connection", () => {
  it.each(["rst", "fin"] as const)("loses and repeats no byte of a step's output (%s)", async (how) => {
    const file = `export default async ({ step }) => {
      console.log("before");
      const { stdout } = await step.run(${JSON.stringify(`${printLines}; echo out >&2`)}, { capture: true });
      console.log("after", stdout.length);
      await step.run("exit 4");
    };`;
    const through = await startThroughProxy(file);
    let cuts = 0;
    const cutAgain = (): void => {
      cuts += 1;
      // Anywhere: within the first frames, within a payload, between two of them.
      through.cutAfter(1_000 + ((cuts * 104_729) % 300_000), "fromClients", how);
    };
    cutAgain();
    const watch = setInterval(() => {
      if (through.accepted() > cuts && cuts < 12) cutAgain();
    }, 1);
    const outcome = await controlPlane.outcome;
    clearInterval(watch);
    const [first] = controlPlane.steps();
    expect(outcome).toMatchObject({ message: 'step "exit 4" failed with exit code 4 (danubefile.ts:5)' });
    expect(digest(Buffer.concat(first?.received.stdout ?? []).toString())).toBe(digest(expected));
    expect(first?.output).toBe("out\n");
    expect(controlPlane.log()).toBe(
      `before\nafter 1048576\ndanube: step "exit 4" failed with exit code 4 (danubefile.ts:5)\n`,
    );
    expect(first?.calls).toBeGreaterThan(3);
    expect(controlPlane.steps()).toHaveLength(2);
  });
});

describe("a control plane that is away", () => {
  it("is waited for, while the step goes on", async () => {
    controlPlane = await createTestControlPlane({
      files: {
        "danubefile.ts": `export default async ({ step }) => {
          await step.run("echo one; until test -e go; do sleep 0.01; done; echo two; exit 3", { check: false });
        };`,
      },
    });
    await controlPlane.start();
    const step = await controlPlane.launched("echo one");
    await controlPlane.goAway();
    // The command ends while nobody can hear of it.
    writeFileSync(`${controlPlane.workspace}/go`, "");
    await step.launched.exited;
    await controlPlane.comeBack();
    expect(await controlPlane.outcome).toEqual({ status: "success" });
    expect([step.output, step.result?.exitCode, step.calls > 1]).toEqual(["one\ntwo\n", 3, true]);
    expect(controlPlane.steps()).toHaveLength(1);
  });

  it("is waited for with the outcome", async () => {
    controlPlane = await createTestControlPlane({
      files: {
        "danubefile.ts": `
          import { existsSync } from "node:fs";
          import { setTimeout } from "node:timers/promises";
          export default async ({ step }) => {
          await step.run("true");
          while (!existsSync(new URL("go", import.meta.url))) await setTimeout(10);
        };`,
      },
    });
    const coordinator = await controlPlane.start();
    const step = await controlPlane.launched("true");
    await step.ended;
    await controlPlane.goAway();
    writeFileSync(`${controlPlane.workspace}/go`, "");
    await controlPlane.comeBack();
    expect(await controlPlane.outcome).toEqual({ status: "success" });
    expect(await coordinator.ended).toBe(0);
  });
});
