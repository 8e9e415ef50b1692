// The Coordinator's own log, for operators: JSON lines on standard error, in the fields of kit's logger. That one is not used
// because loading it would cost each job more time than all that is ever logged here.
import { writeSync } from "node:fs";
import type { LogFields, Logger } from "@danube/kit";

const standardError = 2;

/** Logs from `info` on. */
export function createStderrLogger(fixed: LogFields = {}): Logger {
  const write = (level: string, message: string, fields: LogFields = {}): void => {
    const record = { level, time: new Date().toISOString(), name: "coordinator", ...fixed, ...fields, message };
    try {
      writeSync(standardError, `${JSON.stringify(record, plainError)}\n`);
    } catch {
      // Nobody listens, or nothing can be written: a job must not fail by its operators' log.
    }
  };
  return {
    trace: () => undefined,
    debug: () => undefined,
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
    child: (fields) => createStderrLogger({ ...fixed, ...fields }),
  };
}

function plainError(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  const { name, message, stack, cause } = value;
  return { name, message, stack, cause, ...("code" in value ? { code: value.code } : {}) };
}
