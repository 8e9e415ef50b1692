import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StepClientFrame, StepOffsets } from "@danube/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sendStep } from "./send-step.ts";
import { openStepFiles, type StepFiles } from "./step-files.ts";
import { createWake } from "./wake.ts";

let runDirectory: string;
let files: StepFiles;
const path = (name: string) => join(runDirectory, "step", name);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

beforeEach(() => {
  runDirectory = mkdtempSync(join(tmpdir(), "danube-send-"));
  mkdirSync(join(runDirectory, "step"));
  files = openStepFiles(runDirectory, "step", { capture: true });
});
afterEach(() => {
  files.close();
  rmSync(runDirectory, { recursive: true });
});

function start(accepted: StepOffsets = { output: 0, stdout: 0 }) {
  const wake = createWake();
  const frames: StepClientFrame[] = [];
  const bytes = { output: [] as Buffer[], stdout: [] as Buffer[] };
  const state = { acknowledged: accepted, isOver: false };
  const done = sendStep({
    files,
    accepted,
    acknowledged: () => state.acknowledged,
    wake,
    isOver: () => state.isOver,
    findExit: () => {
      const exitCode = files.exitCode();
      return exitCode === undefined ? undefined : { exitCode, sizes: files.sizes() };
    },
    async send(frame, payload) {
      frames.push(frame);
      if (frame.type === "output" && payload) bytes[frame.stream].push(payload);
    },
  });
  const sent = (stream: "output" | "stdout") => Buffer.concat(bytes[stream]).toString("latin1");
  return { wake, frames, state, done, sent };
}

describe("sendStep", () => {
  it("sends what is there, then what comes, and the exit last", async () => {
    writeFileSync(path("output"), "one ");
    const { wake, frames, done, sent } = start();
    await turn();
    appendFileSync(path("output"), "two");
    appendFileSync(path("stdout"), "three");
    wake.wake();
    await turn();
    expect([sent("output"), sent("stdout")]).toEqual(["one two", "three"]);
    writeFileSync(path("exit"), "exit 7\n");
    wake.wake();
    await done;
    expect(frames.at(-1)).toEqual({ type: "exit", exitCode: 7, sizes: { output: 7, stdout: 5 } });
    expect(frames.filter((frame) => frame.type === "exit")).toHaveLength(1);
  });

  it("goes on from the offsets that the server has", async () => {
    writeFileSync(path("output"), "0123456789");
    writeFileSync(path("exit"), "exit 0\n");
    const { frames, done } = start({ output: 4, stdout: 0 });
    await done;
    expect(frames).toEqual([
      { type: "output", stream: "output", offset: 4, length: 6 },
      { type: "exit", exitCode: 0, sizes: { output: 10, stdout: 0 } },
    ]);
  });

  it.each(["", "exit", "exit 0", "exit 00\n", "exit 256\n", "exit -1\n", "0\n", "exit 0\n\n"])(
    "takes %j for no exit",
    async (content) => {
      writeFileSync(path("exit"), content);
      const { frames, state, wake, done } = start();
      await turn();
      expect(frames).toEqual([]);
      state.isOver = true;
      wake.wake();
      await done;
      expect(frames).toEqual([]);
    },
  );

  it("has no more than 4 MiB under way, over both files, and goes on as it is acknowledged", async () => {
    const size = 5 * 1_048_576;
    writeFileSync(path("output"), Buffer.alloc(size, "a"));
    writeFileSync(path("stdout"), Buffer.alloc(size, "b"));
    writeFileSync(path("exit"), "exit 0\n");
    const { frames, state, wake, done, sent } = start();
    const total = () => sent("output").length + sent("stdout").length;
    await turn();
    await turn();
    expect(total()).toBe(4 * 1_048_576);
    state.acknowledged = { output: 1_000_000, stdout: 0 };
    wake.wake();
    for (let index = 0; index < 20; index++) await turn();
    expect(total()).toBe(4 * 1_048_576 + 1_000_000);
    while (frames.at(-1)?.type !== "exit") {
      state.acknowledged = { output: sent("output").length, stdout: sent("stdout").length };
      wake.wake();
      await turn();
    }
    await done;
    expect([sent("output").length, sent("stdout").length]).toEqual([size, size]);
  });

  it("does not tell the exit before the last byte, however small the pieces", async () => {
    writeFileSync(path("output"), Buffer.alloc(3 * 1_048_576 + 17));
    writeFileSync(path("exit"), "exit 0\n");
    const { frames, done } = start();
    await done;
    expect(frames.map((frame) => frame.type).indexOf("exit")).toBe(frames.length - 1);
    const ends = frames.flatMap((frame) => (frame.type === "output" ? [frame.offset + frame.length] : []));
    expect(ends.at(-1)).toBe(3 * 1_048_576 + 17);
  });
});
