import { describe, expect, it } from "vitest";
import { formatTable, printable } from "./output.ts";

describe("printable", () => {
  it("makes control characters of other people's data visible, and leaves the rest alone", () => {
    expect(printable("a\u001b[31mred\n\u009bß✓")).toBe("a\\x1b[31mred\\x0a\\x9bß✓");
  });
});

describe("formatTable", () => {
  it("aligns columns and ends each line without blanks", () => {
    expect(
      formatTable([
        ["A", "LONG", ""],
        ["aaa", "b", ""],
      ]),
    ).toBe("A    LONG\naaa  b\n");
  });
});
