import { type ParameterValue, PipelineSpec } from "@danube/protocol";
import { expect, test } from "vitest";
import { defaultParams, resolveParams } from "./resolve-params.ts";

const { params: specs } = PipelineSpec.parse({
  repository: "x",
  params: {
    name: { type: "string", pattern: "[a-z]+", default: "abc" },
    count: { type: "number", min: 1, max: 9, default: 2 },
    dry: { type: "boolean", default: false },
    level: { type: "enum", values: ["low", "high"], default: "low" },
  },
});

test.each<[Record<string, ParameterValue>, Record<string, ParameterValue> | string]>([
  [{}, { name: "abc", count: 2, dry: false, level: "low" }],
  [
    { name: "xyz", count: 9, dry: true, level: "high" },
    { name: "xyz", count: 9, dry: true, level: "high" },
  ],
  [
    { count: "3", dry: "true" },
    { name: "abc", count: 3, dry: true, level: "low" },
  ],
  [{ count: "-1.5" }, 'the parameter "count" must be 1 or more, not -1.5'],
  [{ count: 10 }, 'the parameter "count" must be 9 or less, not 10'],
  [{ count: "1e1" }, 'the parameter "count" must be a number, not "1e1"'],
  [{ count: true }, 'the parameter "count" must be a number, not "true"'],
  [{ name: 5 }, 'the parameter "name" must be text, not 5'],
  [{ name: "abc1" }, 'the parameter "name" must match "[a-z]+", which "abc1" does not'],
  [{ name: "abc\n" }, 'the parameter "name" must match "[a-z]+", which "abc\\n" does not'],
  [{ dry: "yes" }, 'the parameter "dry" must be true or false, not "yes"'],
  [{ level: "medium" }, 'the parameter "level" must be one of "low", "high", not "medium"'],
  [{ other: 1 }, 'it has no parameter "other"'],
  [{ constructor: 1 }, 'it has no parameter "constructor"'],
])("%j", (given, expected) => {
  expect(resolveParams(specs, given)).toEqual(
    typeof expected === "string" ? { ok: false, why: expected } : { ok: true, params: expected },
  );
});

test("what has no default must be given to a manual run, and is left out of any other", () => {
  const { params } = PipelineSpec.parse({
    repository: "x",
    params: { must: { type: "string" }, may: { type: "boolean", default: true } },
  });
  expect(resolveParams(params, {})).toEqual({ ok: false, why: 'the parameter "must" is missing' });
  expect(defaultParams(params)).toEqual({ may: true });
});
