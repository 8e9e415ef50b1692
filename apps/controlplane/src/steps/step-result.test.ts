import { describe, expect, test } from "vitest";
import { resultOfExit } from "./step-result.ts";

describe("resultOfExit", () => {
  test("0 is success and nothing else is", () => {
    expect(resultOfExit({ exitCode: 0, durationMs: 5 })).toEqual({ status: "success", exitCode: 0, durationMs: 5 });
    for (let exitCode = 1; exitCode <= 255; exitCode += 1) {
      const result = resultOfExit({ exitCode, durationMs: 5 });
      expect(result).toMatchObject({ status: "failure", exitCode });
      expect(result.message).toContain(String(exitCode));
    }
    expect(resultOfExit({ exitCode: 137, durationMs: 5 }).message).toContain("SIGKILL");
  });

  test("a command under which the memory ran out says so", () => {
    const result = resultOfExit({ exitCode: 137, durationMs: 5, outOfMemory: true });
    expect(result).toMatchObject({ status: "failure", message: expect.stringContaining("ran out of memory") });
  });

  test("what was told to end is never a success, even with exit code 0", () => {
    expect(resultOfExit({ exitCode: 0, durationMs: 5, signalled: "timeout", timeoutMs: 2_500 })).toMatchObject({
      status: "timeout",
      exitCode: 0,
      message: "The command took longer than the 2.5 s it was given.",
    });
    expect(resultOfExit({ exitCode: 0, durationMs: 5, signalled: "cancelled" })).toMatchObject({ status: "cancelled" });
  });
});
