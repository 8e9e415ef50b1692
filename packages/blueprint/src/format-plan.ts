import type { BlueprintChange } from "@danube/protocol";

const signs = { added: "+", changed: "~", removed: "-" } as const;
const longestValue = 200;

/**
 * The plan as text for a terminal or a log: one line for each document, and under a changed one a line for each field. No
 * line ends in a newline but by the joining; control characters in values are escaped. Empty when nothing changes.
 */
export function formatPlan(changes: readonly BlueprintChange[]): string {
  return changes
    .flatMap((change) => [
      `${signs[change.action]} ${change.kind.toLowerCase()} ${change.name}`,
      ...change.fields.map((field) => `    ${field.pointer}: ${show(field.before)} → ${show(field.after)}`),
    ])
    .join("\n");
}

function show(value: unknown): string {
  if (value === undefined) return "(not set)";
  if (value === "(hidden)") return value;
  const text = JSON.stringify(value);
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text;
}
