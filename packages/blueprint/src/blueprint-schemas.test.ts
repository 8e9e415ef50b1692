import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { blueprintSchemas } from "./blueprint-schemas.ts";

test("each published schema is a valid JSON Schema with an id of its own", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const schemas = blueprintSchemas();
  expect(Object.keys(schemas)).toEqual(["config", "users", "teams", "pipeline"]);
  for (const schema of Object.values(schemas)) {
    expect(ajv.validateSchema(schema)).toBe(true);
    ajv.addSchema(schema);
  }
});

test("what has a default may be left out, and a file may name its schema's variant only", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const isValid = ajv.compile(blueprintSchemas().pipeline);
  const document = {
    apiVersion: "danube.dev/v1",
    kind: "Pipeline",
    metadata: { name: "a" },
    spec: { repository: "x" },
  };
  expect(isValid(document)).toBe(true);
  expect(isValid({ ...document, spec: {} })).toBe(false);
  expect(isValid({ ...document, spec: { repository: "x", triggers: [{ on: "push" }, { on: "never" }] } })).toBe(false);
  expect(isValid({ ...document, spec: { repository: "x", triggers: ["push"] } })).toBe(false);
});
