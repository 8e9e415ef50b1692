import { describe, expect, it } from "vitest";
import { createLogger, type LoggerOptions } from "./logger.ts";

function start(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    level: "info",
    format: "json",
    name: "api",
    destination: { write: (line) => lines.push(line) },
    ...options,
  });
  return { logger, lines };
}

describe("the logger", () => {
  it("writes one JSON object a line, with time, level, name, message and fields", () => {
    const { logger, lines } = start();
    logger.child({ jobId: "j" }).warn("Careful", { n: 1 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith("\n")).toBe(true);
    expect(JSON.parse(lines[0] as string)).toEqual({
      level: "warn",
      name: "api",
      message: "Careful",
      jobId: "j",
      n: 1,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
  });

  it("drops what is below its level", () => {
    const { logger, lines } = start({ level: "warn" });
    logger.info("no");
    logger.debug("no");
    logger.error("yes");
    expect(lines).toHaveLength(1);
    const silent = start({ level: "silent" });
    silent.logger.error("no");
    expect(silent.lines).toEqual([]);
  });

  it.each(["json", "text"] as const)("keeps an error's stack and its causes (%s)", (format) => {
    const { logger, lines } = start({ format });
    logger.error("Failed", { error: new Error("outer", { cause: new RangeError("inner") }) });
    expect(lines.join("")).toMatch(/outer[^]*logger\.test\.ts[^]*inner/);
  });

  it("writes lines for people, in which no control character of the data is left", () => {
    const { logger, lines } = start({ format: "text" });
    logger.info("Branch \u001b[2J", { ref: "a\nERROR forged", rtl: "\u009b1m", list: [1] });
    const line = lines.join("");
    expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}api {2}Branch \\u001b\[2J {2}ref=a\\u000aERROR forged/);
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    expect(line.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });
});
