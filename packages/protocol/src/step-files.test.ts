import { describe, expect, it } from "vitest";
import { parseExitFile } from "./step-files.ts";

describe("parseExitFile", () => {
  it.each([
    ["exit 0\n", 0],
    ["exit 7\n", 7],
    ["exit 143\n", 143],
    ["exit 255\n", 255],
  ])("reads %j", (content, code) => {
    expect(parseExitFile(content)).toBe(code);
  });

  it.each([
    "",
    "exit",
    "exit 0",
    "exit 0\r\n",
    "exit 00\n",
    "exit 256\n",
    "exit -1\n",
    " exit 0\n",
    "exit 0\n\n",
    "0\n",
  ])("takes %j for no exit recorded", (content) => {
    expect(parseExitFile(content)).toBeUndefined();
  });

  it("takes no beginning of a record for another record", () => {
    for (let code = 0; code <= 255; code++) {
      const whole = `exit ${code}\n`;
      for (let length = 0; length < whole.length; length++)
        expect(parseExitFile(whole.slice(0, length))).toBeUndefined();
      expect(parseExitFile(whole)).toBe(code);
    }
  });
});
