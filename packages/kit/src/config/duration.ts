import { z } from "zod";

const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** A length of time such as `60s` or `10m` in a configuration, read as milliseconds. */
export const durationMs = z
  .string()
  .regex(pattern, { error: 'write a number and a unit (ms, s, m, h or d), such as "60s"' })
  .transform((text) => {
    const [, amount, unit] = pattern.exec(text) as unknown as [string, string, keyof typeof unitsMs];
    return Number(amount) * unitsMs[unit];
  });
