import { z } from "zod";

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** A length of time as people write it: a number and a unit, such as `500ms`, `60s`, `10m`, `2h` or `1d`. */
export const Duration = z.string().regex(pattern, {
  error: 'a duration must be a number and a unit (ms, s, m, h or d), such as "90s" or "10m"',
});
export type Duration = z.infer<typeof Duration>;

/** Turns `"10m"` into milliseconds; a number is taken as milliseconds already. Throws a RangeError that names the value. */
export function parseDurationMs(value: string | number): number {
  if (typeof value === "number") {
    if (Number.isFinite(value) && value >= 0) return value;
    throw new RangeError(`A duration in milliseconds must be a number of 0 or more, not ${value}.`);
  }
  const match = pattern.exec(value.trim());
  if (!match)
    throw new RangeError(`"${value}" is not a duration: write a number and a unit (ms, s, m, h, d), such as "10m".`);
  return Number(match[1]) * unitsMs[match[2] as keyof typeof unitsMs];
}
