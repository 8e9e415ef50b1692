import { describe, expect, it } from "vitest";
import { createRedactor } from "./redactor.ts";
import { secretVariants } from "./secret-variants.ts";

const redact = (value: string, text: string): string => createRedactor([{ name: "S", value }]).redactText(text);
const tricky = "p\u00e4ss/w:rd <&> 'q' \"d\" $x\\y";

describe("secretVariants", () => {
  const forms: Record<string, (value: string) => string> = {
    "as it is": (value) => value,
    hexadecimal: (value) => Buffer.from(value).toString("hex"),
    "upper-case hexadecimal": (value) => Buffer.from(value).toString("hex").toUpperCase(),
    base64: (value) => Buffer.from(value).toString("base64"),
    base64url: (value) => Buffer.from(value).toString("base64url"),
    "percent-encoded": encodeURIComponent,
    "percent-encoded in lower case": (value) => encodeURIComponent(value).replace(/%../g, (code) => code.toLowerCase()),
    "a form's field": (value) => new URLSearchParams({ v: value }).toString().slice(2),
    "a JSON string": (value) => JSON.stringify(value).slice(1, -1),
    "a JSON string in a JSON string": (value) => JSON.stringify(JSON.stringify(value).slice(1, -1)).slice(1, -1),
    "JSON with escaped slashes": (value) => JSON.stringify(value).slice(1, -1).replaceAll("/", "\\/"),
    "JSON as Go writes it": (value) =>
      JSON.stringify(value)
        .slice(1, -1)
        .replace(/[<>&]/g, (unit) => `\\u00${unit.charCodeAt(0).toString(16)}`),
    "JSON as Python writes it": (value) => JSON.stringify(value).slice(1, -1).replaceAll("\u00e4", "\\u00e4"),
    "JSON in ASCII with upper-case digits": (value) =>
      JSON.stringify(value).slice(1, -1).replaceAll("\u00e4", "\\u00E4"),
    "quoted for a shell": (value) => value.replaceAll("'", "'\\''"),
    "in a shell's double quotes": (value) => value.replace(/["$`\\]/g, "\\$&"),
    "in XML": (value) =>
      value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;"),
  };
  it.each(Object.entries(forms))("masks the value %s", (_, encode) => {
    for (const value of [tricky, "hunter2hunter2", "C:\\dir/x+y z~!*()"]) {
      expect(redact(value, `[${encode(value)}]`)).toBe("[***]");
    }
  });

  it("masks the characters of base64 that the value decides, at each of the three places in a group", () => {
    for (const value of ["s3cr3t-value", "abcd", "12345", "\u00fc\u00fc\u00fc>>>???"]) {
      for (const before of ["", "x", "xy", "xyz"]) {
        for (const after of ["", "u", "uv", "uvw"]) {
          const encoded = Buffer.from(`${before}${value}${after}`).toString("base64");
          const shown = redact(value, encoded).split("***");
          expect(shown.length, encoded).toBe(2);
          expect(shown[0]!.length, encoded).toBeLessThanOrEqual(Math.ceil((before.length * 8) / 6));
          expect(shown[1]!.length, encoded).toBeLessThanOrEqual(
            after === "" ? 0 : Math.ceil((after.length * 8) / 6) + 3,
          );
        }
      }
    }
  });

  it("masks base64 that is wrapped into lines", () => {
    const value = Array.from({ length: 30 }, (_, index) => `key${index * 7919}`).join("-");
    for (const width of [64, 76]) {
      const wrapped = Buffer.from(value)
        .toString("base64")
        .replace(new RegExp(`.{${width}}`, "g"), "$&\n");
      expect(
        redact(value, wrapped)
          .replaceAll("=", "")
          .split("\n")
          .filter((line) => line !== "***" && line.length >= 6),
      ).toEqual([]);
    }
  });

  it("masks a value of several lines as a whole, with either line ending, and each line of six characters or more", () => {
    const value = "first line\nab\n  second line\n";
    expect(redact(value, "<first line\nab\n  second line>")).toBe("<***>");
    expect(redact(value, "<first line\r\nab\r\n  second line>")).toBe("<***>");
    expect(redact(value, "<first line> <ab> <second line>")).toBe("<***> <ab> <***>");
  });

  it("leaves the white space around a value alone", () => {
    expect(redact("  token-value\n", "a token-value\nb")).toBe("a ***\nb");
  });

  it("has no form that is shorter than four bytes, and none twice", () => {
    for (const value of ["abcd", tricky, "\ud83d\ude00\ud83d\ude00", "\ud800lone"]) {
      const variants = secretVariants(value);
      expect(Math.min(...variants.map((variant) => variant.length))).toBeGreaterThanOrEqual(4);
      expect(new Set(variants.map((variant) => variant.toString("latin1"))).size).toBe(variants.length);
    }
  });
});
