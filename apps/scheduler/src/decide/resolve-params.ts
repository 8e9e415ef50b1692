// The parameters of a run: what was given, checked, and defaults for the rest.
import { assertNever, type ParameterSpec, type ParameterValue } from "@danube/protocol";
import { show } from "./show.ts";

export type ResolvedParams =
  | { readonly ok: true; readonly params: Record<string, ParameterValue> }
  | { readonly ok: false; readonly why: string };

/**
 * Checks `given` against a pipeline's `params`. Text stands for a number or a boolean too if it spells one exactly, for that
 * is how a command line gives them. Every parameter without a default must be given.
 */
export function resolveParams(
  specs: Readonly<Record<string, ParameterSpec>>,
  given: Readonly<Record<string, ParameterValue>>,
): ResolvedParams {
  const params: Record<string, ParameterValue> = {};
  for (const name of Object.keys(given))
    if (!Object.hasOwn(specs, name)) return { ok: false, why: `it has no parameter ${show(name)}` };
  for (const [name, spec] of Object.entries(specs)) {
    const value = Object.hasOwn(given, name) ? given[name] : spec.default;
    if (value === undefined) return { ok: false, why: `the parameter ${show(name)} is missing` };
    const checked = check(spec, value);
    if ("why" in checked) return { ok: false, why: `the parameter ${show(name)} ${checked.why}` };
    params[name] = checked.value;
  }
  return { ok: true, params };
}

/** The parameters of a run that nobody was there to ask for: the defaults there are. */
export function defaultParams(specs: Readonly<Record<string, ParameterSpec>>): Record<string, ParameterValue> {
  const params: Record<string, ParameterValue> = {};
  for (const [name, spec] of Object.entries(specs)) if (spec.default !== undefined) params[name] = spec.default;
  return params;
}

function check(spec: ParameterSpec, value: ParameterValue): { value: ParameterValue } | { why: string } {
  switch (spec.type) {
    case "string":
      if (typeof value !== "string") return { why: `must be text, not ${value}` };
      if (spec.pattern !== undefined && !new RegExp(`^(?:${spec.pattern})$`, "u").test(value))
        return { why: `must match ${show(spec.pattern)}, which ${show(value)} does not` };
      return { value };
    case "number": {
      const number = typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
      if (typeof number !== "number") return { why: `must be a number, not ${show(String(value))}` };
      if (spec.min !== undefined && number < spec.min) return { why: `must be ${spec.min} or more, not ${number}` };
      if (spec.max !== undefined && number > spec.max) return { why: `must be ${spec.max} or less, not ${number}` };
      return { value: number };
    }
    case "boolean":
      if (value === true || value === "true") return { value: true };
      if (value === false || value === "false") return { value: false };
      return { why: `must be true or false, not ${show(String(value))}` };
    case "enum":
      if (typeof value === "string" && spec.values.includes(value)) return { value };
      return { why: `must be one of ${spec.values.map(show).join(", ")}, not ${show(String(value))}` };
    default:
      return assertNever(spec);
  }
}
