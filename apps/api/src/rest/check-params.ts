import {
  assertNever,
  DanubeError,
  type ParameterSpec,
  type ParameterValue,
  type ProblemDetail,
} from "@danube/protocol";

/**
 * Throws `invalid_request` naming every parameter that the pipeline does not have, would not take, or misses. Text stands for a
 * number or a boolean too if it spells one, as the scheduler takes it. Defaults are not filled in.
 */
export function checkParams(
  specs: Readonly<Record<string, ParameterSpec>>,
  params: Readonly<Record<string, ParameterValue>>,
): void {
  const errors: ProblemDetail[] = [];
  for (const [name, value] of Object.entries(params)) {
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
    const detail = spec === undefined ? `The pipeline has no parameter "${name}".` : wrongWith(name, spec, value);
    if (detail !== undefined)
      errors.push({ detail, pointer: `/params/${name.replaceAll("~", "~0").replaceAll("/", "~1")}` });
  }
  for (const [name, spec] of Object.entries(specs)) {
    if (spec.default === undefined && !Object.hasOwn(params, name))
      errors.push({ detail: `The parameter "${name}" is missing, and it has no default.`, pointer: "/params" });
  }
  if (errors.length === 0) return;
  throw new DanubeError("invalid_request", errors.map(({ detail }) => detail).join(" "), { errors });
}

function wrongWith(name: string, spec: ParameterSpec, value: ParameterValue): string | undefined {
  const shown = JSON.stringify(typeof value === "string" ? value.slice(0, 100) : value);
  switch (spec.type) {
    case "boolean":
      return ["true", "false"].includes(String(value)) ? undefined : `"${name}" must be true or false, not ${shown}.`;
    case "number": {
      const number = typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
      if (typeof number !== "number") return `"${name}" must be a number, not ${shown}.`;
      if (spec.min !== undefined && number < spec.min) return `"${name}" must be at least ${spec.min}, not ${shown}.`;
      return spec.max !== undefined && number > spec.max
        ? `"${name}" must be at most ${spec.max}, not ${shown}.`
        : undefined;
    }
    case "enum":
      return typeof value === "string" && spec.values.includes(value)
        ? undefined
        : `"${name}" must be one of ${spec.values.join(", ")}, not ${shown}.`;
    case "string":
      if (typeof value !== "string") return `"${name}" must be text, not ${shown}.`;
      return spec.pattern !== undefined && !new RegExp(`^(?:${spec.pattern})$`, "u").test(value)
        ? `"${name}" must match ${JSON.stringify(spec.pattern)}, which ${shown} does not.`
        : undefined;
    default:
      return assertNever(spec);
  }
}
