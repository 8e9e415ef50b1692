import { expect, it } from "vitest";
import { createSourceLocator } from "./source-location.ts";

function errorWith(...frames: string[]): Error {
  const error = new TypeError("no good");
  error.stack = ["TypeError: no good", ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}
const locator = createSourceLocator("/work space");

it("keeps the user's frames of a stack, and leaves out ours and Node's", () => {
  const error = errorWith(
    "check (file:///opt/danube/coordinator.mjs:118:5953)",
    "helper (file:///work%20space/ci/helper.ts:3:9)",
    "async default (file:///work%20space/danubefile.ts:7:3)",
    "process.processTicksAndRejections (node:internal/process/task_queues:104:5)",
  );
  expect(locator.stackOf(error)).toBe(
    [
      "TypeError: no good",
      "    at helper (file:///work%20space/ci/helper.ts:3:9)",
      "    at async default (file:///work%20space/danubefile.ts:7:3)",
    ].join("\n"),
  );
  expect(locator.ofError(error)).toBe("ci/helper.ts:3");
});

it("has no stack where it would only repeat the place", () => {
  expect(
    locator.stackOf(errorWith("file:///opt/danube/a.mjs:1:1", "file:///work%20space/danubefile.ts:7:3")),
  ).toBeUndefined();
  expect(locator.stackOf(errorWith("file:///work%20space-2/a.ts:1:1", "/elsewhere/b.ts:1:1"))).toBeUndefined();
  expect(locator.stackOf("no error")).toBeUndefined();
});
