// Whether this process can do its work: named checks, asked on demand.
import { type Clock, systemClock } from "./clock.ts";
import type { Logger } from "./logger.ts";

export interface CheckResult {
  readonly ok: boolean;
  /** One sentence for the operator; public, so without a secret. */
  readonly detail?: string;
}
export interface HealthCheckReport extends CheckResult {
  readonly name: string;
}
export interface HealthReport {
  readonly status: "ok" | "failing";
  readonly checks: readonly HealthCheckReport[];
}

export interface HealthOptions {
  readonly logger: Logger;
  readonly clock?: Clock;
  /** How long a check may take before it counts as failing. 5 seconds unless told otherwise. */
  readonly timeoutMs?: number;
}

export interface Health {
  /** Adds a check under a name of its own; returns a function that removes it. A check that throws is failing. */
  register(name: string, check: () => Promise<CheckResult> | CheckResult): () => void;
  /** Runs all checks at once; they come in the order in which they were registered. Never rejects. */
  report(): Promise<HealthReport>;
}

/** Checks of one process. A check's change from good to bad and back is logged once each. */
export function createHealth({ logger, clock = systemClock, timeoutMs = 5_000 }: HealthOptions): Health {
  const checks = new Map<string, () => Promise<CheckResult> | CheckResult>();
  const failing = new Set<string>();

  const note = (name: string, ok: boolean, fields: { detail?: string; error?: unknown }): void => {
    if (ok && failing.delete(name)) logger.info(`Health check ${name} is good again`, { check: name });
    if (ok || failing.has(name)) return;
    failing.add(name);
    logger.warn(`Health check ${name} fails`, { check: name, ...fields });
  };
  const ask = async (name: string, check: () => Promise<CheckResult> | CheckResult): Promise<HealthCheckReport> => {
    try {
      const { ok, detail } = await within(timeoutMs, clock, check);
      note(name, ok, { detail });
      return { name, ok, ...(detail === undefined ? {} : { detail }) };
    } catch (error) {
      note(name, false, { error });
      // Only errors made for people may speak in public; the words of any other stay in the log.
      const spoken = error instanceof Error && error.name === "DanubeError";
      return { name, ok: false, detail: spoken ? error.message : "The check failed; the log says why." };
    }
  };

  return {
    register(name, check) {
      if (checks.has(name)) throw new RangeError(`There is a health check named ${name} already.`);
      checks.set(name, check);
      return () => {
        if (checks.get(name) === check) checks.delete(name);
      };
    },
    async report() {
      const reports = await Promise.all([...checks].map(([name, check]) => ask(name, check)));
      return { status: reports.every((report) => report.ok) ? "ok" : "failing", checks: reports };
    },
  };
}

async function within(
  timeoutMs: number,
  clock: Clock,
  check: () => Promise<CheckResult> | CheckResult,
): Promise<CheckResult> {
  const { promise: late, resolve } = Promise.withResolvers<CheckResult>();
  const cancel = clock.setTimeout(
    () => resolve({ ok: false, detail: `No answer within ${timeoutMs / 1_000} s.` }),
    timeoutMs,
  );
  try {
    return await Promise.race([check(), late]);
  } finally {
    cancel();
  }
}
