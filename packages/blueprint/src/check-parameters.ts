// Whether the parameters of a pipeline make sense: their defaults obey their own rules.
import { assertNever, type ParameterSpec, toPointer } from "@danube/protocol";
import { showValue } from "./blueprint-error.ts";

/** Reports, at JSON pointers into a pipeline's document, what is wrong with its `params`. */
export function checkParameters(
  params: Readonly<Record<string, ParameterSpec>>,
  at: (pointer: string, message: string) => void,
): void {
  for (const [name, spec] of Object.entries(params)) {
    const pointer = toPointer(["spec", "params", name]);
    checkParameter(spec, (key, message) => at(`${pointer}/${key}`, message));
  }
}

function checkParameter(spec: ParameterSpec, at: (key: string, message: string) => void): void {
  switch (spec.type) {
    case "string": {
      if (spec.pattern === undefined) return;
      const pattern = toPattern(spec.pattern);
      if (!pattern) at("pattern", `${showValue(spec.pattern)} is not a regular expression`);
      else if (spec.default !== undefined && !pattern.test(spec.default))
        at("default", `${showValue(spec.default)} does not match the pattern ${showValue(spec.pattern)}`);
      return;
    }
    case "number": {
      const { min, max } = spec;
      if (min !== undefined && max !== undefined && min > max) at("min", `${min} is more than max, which is ${max}`);
      else if (spec.default !== undefined && min !== undefined && spec.default < min)
        at("default", `${spec.default} is less than min, which is ${min}`);
      else if (spec.default !== undefined && max !== undefined && spec.default > max)
        at("default", `${spec.default} is more than max, which is ${max}`);
      return;
    }
    case "enum": {
      const repeated = spec.values.find((value, place) => spec.values.indexOf(value) !== place);
      if (repeated !== undefined) at("values", `${showValue(repeated)} stands twice in the list; remove one`);
      if (spec.default !== undefined && !spec.values.includes(spec.default))
        at("default", `${showValue(spec.default)} is not one of ${spec.values.map(showValue).join(", ")}`);
      return;
    }
    case "boolean":
      return;
    default:
      assertNever(spec);
  }
}

function toPattern(source: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${source})$`, "u");
  } catch {
    return undefined;
  }
}
