export { type Cancel, type Clock, delay, now, systemClock } from "./clock.ts";
export type { Address } from "./config/address.ts";
export { loopbackUrl, onLoopback } from "./config/address.ts";
export { ConfigurationError, type ConfigurationProblem } from "./config/configuration-error.ts";
export {
  defaultConfigFile,
  type LoadServerConfigOptions,
  loadServerConfig,
} from "./config/load-server-config.ts";
export { findNearest } from "./config/nearest.ts";
export { parseServerConfig, type ServerConfigSources } from "./config/parse-server-config.ts";
export type { ServerConfigDocument } from "./config/sections.ts";
export type { ServerConfig } from "./config/server-config.ts";
export {
  type CheckResult,
  createHealth,
  type Health,
  type HealthCheckReport,
  type HealthOptions,
  type HealthReport,
} from "./health.ts";
export { createIdGenerator, type IdGeneratorOptions, newId } from "./id.ts";
export {
  createLogger,
  type LogFields,
  type Logger,
  type LoggerOptions,
  type LogLevel,
  logLevels,
  silentLogger,
} from "./logger.ts";
export { createLoop, type Loop, type LoopOptions } from "./loop.ts";
export type { Counter, Gauge, Histogram } from "./metric.ts";
export { createMetrics, type Metrics, type MetricsOptions } from "./metrics.ts";
export { createShutdown, type Shutdown, type ShutdownOptions, type ShutdownProcess } from "./shutdown.ts";
export { createTestClock, type TestClock } from "./test-clock.ts";
export { noopTracer, type Span, type SpanAttributes, type Tracer } from "./tracing.ts";
