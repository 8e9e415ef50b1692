// Structured logs on standard error.
import { pino } from "pino";
import { createTextDestination } from "./log-text.ts";

export const logLevels = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Writes records: a sentence and fields beside it. An Error belongs in the field `error`, with its stack and causes kept.
 * Whoever logs sees to it that neither holds a secret.
 */
export interface Logger {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each of its records. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel | "silent";
  /** `json`: one object a line, for machines. `text`: one line for people. */
  readonly format: "json" | "text";
  /** The service that logs. */
  readonly name: string;
  /** Where the lines go: standard error, unless a test listens. */
  readonly destination?: { write(line: string): unknown };
}

/** A logger on standard error. Each record is written before the call returns, so that a crash loses none. */
export function createLogger(options: LoggerOptions): Logger {
  const lines = options.destination ?? pino.destination({ dest: 2, sync: true });
  const destination = options.format === "text" ? createTextDestination(lines) : lines;
  return wrap(
    pino(
      {
        level: options.level,
        base: { name: options.name },
        messageKey: "message",
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { error: pino.stdSerializers.errWithCause },
      },
      { write: (line: string) => void destination.write(line) },
    ),
  );
}

/** Writes nothing. */
export const silentLogger: Logger = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function wrap(logger: pino.Logger): Logger {
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void =>
      logger[level](fields, message);
  return {
    trace: at("trace"),
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => wrap(logger.child(fields)),
  };
}
