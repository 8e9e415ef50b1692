import {
  assertNever,
  DanubeError,
  type ParameterSpec,
  type ParameterValue,
  type ProblemDetail,
} from "@danube/protocol";

/** Throws `invalid_request` naming every parameter that the pipeline does not have or would not take. Defaults are not filled in. */
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
  if (errors.length === 0) return;
  throw new DanubeError("invalid_request", errors.map(({ detail }) => detail).join(" "), { errors });
}

function wrongWith(name: string, spec: ParameterSpec, value: ParameterValue): string | undefined {
  switch (spec.type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : `"${name}" must be true or false.`;
    case "number":
      if (typeof value !== "number") return `"${name}" must be a number.`;
      if (spec.min !== undefined && value < spec.min) return `"${name}" must be at least ${spec.min}.`;
      return spec.max !== undefined && value > spec.max ? `"${name}" must be at most ${spec.max}.` : undefined;
    case "enum":
      return typeof value === "string" && spec.values.includes(value)
        ? undefined
        : `"${name}" must be one of ${spec.values.join(", ")}.`;
    case "string":
      return typeof value === "string" ? undefined : `"${name}" must be text.`;
    default:
      return assertNever(spec);
  }
}
